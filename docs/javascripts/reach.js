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
  const reach = () => {
    for (const box of all('.md-typeset__scrollwrap, div.math, .graph, pre > code')) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute('tabindex');
    }
  };
  addEventListener('load', () => {
    distinct();
    quiet();
    reach();
    new MutationObserver(quiet).observe(document.querySelector('article'), {childList: true, subtree: true});
  });
  addEventListener('resize', reach);
})();
