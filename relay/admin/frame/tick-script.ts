/**
 * Defines `tick`, which writes the times of a page anew: how long something has taken so far
 * (`data-since`, with seconds), and how long ago or how soon something is (`data-at`), both ms since
 * 1970. Both in the words of `format-measures.ts`. `skew` is by how much the browser's clock is
 * ahead (ms). Nothing is written where it would take a selection away.
 */
export const tickScript = `
  const unit = (ms, last) => ms < 6e4 ? Math.floor(ms / 1e3) + '\\u00a0s' : ms < 36e5 ? Math.floor(ms / 6e4) + '\\u00a0min' + last(Math.floor(ms / 1e3) % 60, 's') : ms < 1728e5 ? Math.floor(ms / 36e5) + '\\u00a0h' + last(Math.floor(ms / 6e4) % 60, 'min') : Math.floor(ms / 864e5) + '\\u00a0days';
  const took = (ms) => ms < 1e4 ? (ms / 1e3).toFixed(1) + '\\u00a0s' : unit(ms, (rest, name) => ' ' + rest + '\\u00a0' + name);
  const away = (ms) => Math.abs(ms) < 1e3 ? 'now' : ms > 0 ? unit(ms, () => '') + ' ago' : 'in ' + unit(-ms, () => '');
  const tick = (skew) => {
    const now = Date.now() - skew, chosen = getSelection();
    for (const time of document.querySelectorAll('time[data-since], time[data-at]')) {
      const { since, at } = time.dataset;
      const words = at === undefined ? took(Math.max(now - since, 0)) : away(now - at);
      if (time.textContent !== words && !(chosen && !chosen.isCollapsed && chosen.containsNode(time, true))) time.textContent = words;
    }
  };`;
