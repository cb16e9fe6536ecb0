// Answers a list of sentences, one per finding. Contrast as WCAG 2 computes it, against the nearest opaque ground.
() => {
  const found = [];
  const shown = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const what = (e) => `${e.tagName.toLowerCase()}${e.id ? '#' + e.id : ''} "${(e.textContent || '').trim().slice(0, 40)}"`;
  const nameOf = (e) => e.getAttribute('aria-label') || e.title || (e.textContent || '').trim()
    || (e.labels && [...e.labels].map((l) => l.textContent.trim()).join(' '))
    || (e.getAttribute('aria-labelledby') || '').split(' ').map((id) => document.getElementById(id)?.textContent).join('');
  if (!document.documentElement.lang) found.push('the page names no language');
  if (document.querySelectorAll('h1').length !== 1) found.push('the page has not exactly one h1');
  if (!document.querySelector('main')) found.push('the page has no main');
  if (!document.title) found.push('the page has no title');
  const controls = 'button, a[href], input:not([type=hidden]), select, textarea, progress, [role=region]';
  for (const e of document.querySelectorAll(controls))
    if (shown(e) && !nameOf(e)) found.push(`no name: ${what(e)}`);
  for (const e of document.querySelectorAll('table')) if (!e.querySelector('th')) found.push(`no header: ${what(e)}`);
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) found.push(`id twice: ${id}`);
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push('the page scrolls sideways');
  const channels = (c) => (c.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = channels(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || seen.has(e) || !shown(e) || e.closest('.sr, .skip, :disabled, option, svg')) continue;
    seen.add(e);
    const style = getComputedStyle(e);
    const [a, b] = [light(channels(style.color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const isLarge = parseFloat(style.fontSize) >= 24;
    if (ratio < (isLarge ? 3 : 4.5)) found.push(`contrast ${ratio.toFixed(2)}: ${what(e)}`);
  }
  return found;
}
