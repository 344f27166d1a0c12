/** How far a finger must go to the right, in CSS pixels, before letting go counts as a reply. */
const replyAt = 56;
const farthest = 80;

/**
 * Calls `reply` after a swipe to the right over `row`, and lets `bubble` follow the finger
 * meanwhile.
 */
export function enableSwipe(row: HTMLElement, bubble: HTMLElement, reply: () => void): void {
  let start: { x: number; y: number } | undefined;
  let shift = 0;
  const follow = (x: number) => {
    shift = x;
    bubble.style.translate = x > 0 ? `${x}px 0` : '';
    row.toggleAttribute('data-swiped', x >= replyAt);
  };
  row.addEventListener(
    'touchstart',
    (event) => {
      const touch = event.touches.length === 1 ? event.touches[0] : undefined;
      start = touch ? { x: touch.clientX, y: touch.clientY } : undefined;
    },
    { passive: true },
  );
  row.addEventListener(
    'touchmove',
    (event) => {
      const touch = event.touches[0];
      if (!start || !touch) return;
      const across = touch.clientX - start.x;
      if (shift === 0 && Math.abs(touch.clientY - start.y) > Math.abs(across)) start = undefined;
      else follow(Math.max(0, Math.min(farthest, across)));
    },
    { passive: true },
  );
  row.addEventListener('touchend', () => {
    if (shift >= replyAt) reply();
    start = undefined;
    follow(0);
  });
  row.addEventListener('touchcancel', () => {
    start = undefined;
    follow(0);
  });
}
