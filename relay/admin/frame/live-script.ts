import { tickScript } from './tick-script.ts';

/**
 * Keeps an open page current: the relay sends the content of the page when it changes. Nothing is
 * replaced while somebody writes or selects in it, and a hidden page listens to nothing. Its times
 * go on by themselves. A refused connection is tried again after a pause, which grows from five
 * seconds to a minute. At the end of the session the page is loaded again, which leads to the
 * sign-in.
 */
export const liveScript = `(() => {
  const main = document.getElementById('content'), asOf = document.getElementById('as-of');
  if (!main) return;
  ${tickScript.trim()}
  const skew = Date.now() - Number(main.dataset.now);
  tick(skew);
  setInterval(() => document.hidden || tick(skew), 1000);
  if (!window.EventSource) return;
  let source, pause = 5000;
  const busy = () => {
    const at = document.activeElement, chosen = getSelection();
    return main.contains(at) && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName) || chosen && !chosen.isCollapsed && main.contains(chosen.anchorNode);
  };
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource('/admin/live?page=' + encodeURIComponent(location.pathname + location.search));
    source.onopen = () => { pause = 5000; };
    source.onerror = () => {
      // By itself the browser tries again only what was open.
      if (!source || source.readyState !== 2) return;
      source = undefined;
      setTimeout(open, pause);
      pause = Math.min(2 * pause, 60000);
    };
    source.onmessage = ({ data }) => {
      const { content, footer, gone } = JSON.parse(data);
      if (gone) return location.reload();
      asOf.textContent = footer;
      if (busy()) return;
      const at = document.activeElement, href = main.contains(at) ? at.getAttribute('href') : null;
      const folds = new Map([...main.querySelectorAll('details[id]')].map((fold) => [fold.id, fold.open]));
      main.innerHTML = content;
      tick(skew);
      for (const fold of main.querySelectorAll('details[id]')) if (folds.has(fold.id)) fold.open = folds.get(fold.id);
      if (href) for (const link of main.querySelectorAll('a')) if (link.getAttribute('href') === href) { link.focus({ preventScroll: true }); break; }
    };
  };
  const close = () => { if (source) source.close(); source = undefined; };
  document.addEventListener('visibilitychange', () => document.hidden ? close() : open());
  addEventListener('pagehide', close);
  open();
})();`;
