"""(to come)"""
from dataclasses import dataclass
@dataclass
class Finding:
    x: int = 0
def findings(a, b): return []
