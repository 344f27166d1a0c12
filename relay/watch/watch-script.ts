import { tickScript } from '../admin/frame/tick-script.ts';

/**
 * Keeps the page of a turn current. The server sends the pieces that have changed, and where it
 * stands, from which it goes on after a lost connection. Where it has no room, the page is loaded
 * again.
 */
export const watchScript = `(() => {
  const main = document.getElementById('watch'), state = document.getElementById('w-live');
  const skew = Date.now() - Number(main.dataset.now);
  ${tickScript.trim()}
  tick(skew);
  if (main.dataset.over === '1') return;
  setInterval(() => tick(skew), 1000);
  const put = ({ id, into, html }) => {
    const made = document.createElement('template');
    made.innerHTML = html;
    const next = made.content.firstElementChild, old = document.getElementById(id);
    if (!next) return;
    if (!old) { const list = document.getElementById(into); if (list) list.append(next); return; }
    for (const fold of old.querySelectorAll('details[id]')) { const same = next.querySelector('#' + fold.id); if (same) same.open = fold.open; }
    const at = document.activeElement, fold = old.contains(at) && at.closest('details[id]');
    old.replaceWith(next);
    if (fold) { const same = document.getElementById(fold.id); if (same) same.firstElementChild.focus({ preventScroll: true }); }
  };
  let source, last = main.dataset.last;
  const chosen = () => { const now = getSelection(); return now && !now.isCollapsed && main.contains(now.anchorNode); };
  let held = [];
  const show = () => {
    if (held.length === 0 || chosen()) return;
    const low = innerHeight + scrollY >= document.documentElement.scrollHeight - 40;
    for (const part of held) put(part);
    held = []; tick(skew);
    if (low) scrollTo(0, document.documentElement.scrollHeight);
  };
  setInterval(show, 1000);
  const again = async () => {
    const isThere = await fetch(location.pathname, { method: 'HEAD' }).then(({ status }) => status < 500, () => false);
    if (isThere) location.reload(); else setTimeout(again, 10000);
  };
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(location.pathname + '?live=' + last);
    source.onopen = () => { state.textContent = ''; };
    source.onmessage = ({ data, lastEventId }) => {
      const { parts, over, reload } = JSON.parse(data);
      if (reload) return location.reload();
      last = lastEventId;
      held.push(...parts); show();
      if (over) { close(); main.dataset.over = '1'; }
    };
    source.onerror = () => {
      state.textContent = 'Not connected. Trying again …';
      if (source && source.readyState === 2) { source = undefined; state.textContent = 'Not connected. This page loads itself again in a few seconds.'; setTimeout(again, 10000); }
    };
  };
  const close = () => { if (source) source.close(); source = undefined; };
  document.addEventListener('visibilitychange', () => document.hidden || main.dataset.over === '1' ? close() : open());
  addEventListener('pagehide', close);
  open();
})();`;
