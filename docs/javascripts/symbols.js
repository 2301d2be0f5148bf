// A symbol under the mouse, or under a finger, says its name and meaning; without this script it is a link with a title.
(() => {
  const card = document.createElement('div');
  card.id = 'symbol-card';
  card.setAttribute('role', 'status');
  card.hidden = true;
  document.body.append(card);

  const show = (link) => {
    const text = link.dataset.meaning ?? (link.dataset.meaning = link.title);
    link.removeAttribute('title'); // or the browser shows it a second time
    const more = document.createElement('a');
    more.href = link.href;
    more.textContent = 'Notation';
    card.replaceChildren(`${text} — `, more);
    card.hidden = false;
    const place = link.getBoundingClientRect();
    const left = Math.min(place.left, document.documentElement.clientWidth - card.offsetWidth - 8);
    card.style.left = `${Math.max(8, left) + scrollX}px`;
    const formula = (link.closest('div.math') ?? link).getBoundingClientRect(); // which stays in sight
    card.style.top = `${formula.bottom + scrollY + 4}px`;
  };
  const hide = () => { card.hidden = true; };

  let leaving;
  document.addEventListener('pointerover', (event) => {
    const link = event.target.closest?.('a.symbol');
    if (link && event.pointerType === 'mouse') { clearTimeout(leaving); show(link); }
    else if (card.contains(event.target)) clearTimeout(leaving);
    else if (!card.hidden && event.pointerType === 'mouse') { clearTimeout(leaving); leaving = setTimeout(hide, 300); }
  });
  let touched = false;
  document.addEventListener('pointerdown', (event) => { touched = event.pointerType !== 'mouse'; });
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a.symbol');
    if (link && touched) { event.preventDefault(); show(link); }
    else if (!card.contains(event.target)) hide();
  });
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape') hide(); });
})();
