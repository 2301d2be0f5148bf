// For the keyboard and for screen readers: what scrolls can be reached, and no two landmarks have one name.
(() => {
  const all = (what) => document.querySelectorAll(what);
  const nameOf = (nav) => nav.getAttribute('aria-label') ?? document.getElementById(nav.getAttribute('aria-labelledby'))?.textContent.trim();
  const distinct = () => {
    const seen = new Set();
    all('nav.md-nav:not([role])').forEach((nav, number) => {
      const name = nameOf(nav)?.toLowerCase();
      if (!seen.has(name)) { seen.add(name); return; }
      nav.setAttribute('aria-label', `${nameOf(nav)}, list ${number + 1}`);
      nav.removeAttribute('aria-labelledby');
    });
  };
  const quiet = () => all('nav.md-code__nav').forEach((nav) => nav.setAttribute('role', 'presentation'));
  // Asked once they are laid out: to ask before would lay out all that is still far below.
  const reach = new ResizeObserver((entries) => {
    const wide = entries.map(({target}) => target.scrollWidth > target.clientWidth);
    entries.forEach(({target}, number) => {
      if (wide[number]) target.tabIndex = 0;
      else target.removeAttribute('tabindex');
    });
  });
  addEventListener('load', () => {
    distinct();
    quiet();
    all('.md-typeset__scrollwrap, div.math, .graph, pre code').forEach((box) => reach.observe(box));
    new MutationObserver(quiet).observe(document.querySelector('article'), {childList: true, subtree: true});
  });
})();
