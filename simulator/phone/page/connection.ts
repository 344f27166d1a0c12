import type { ChatEvent } from '../../chat.ts';

const firstWaitMs = 500;
const longestWaitMs = 5000;

export type ConnectionListener = {
  /** The stream is open, for the first time or again: earlier data may be out of date. */
  onUp(): void;
  onDown(): void;
  onEvent(event: ChatEvent): void;
};

/**
 * Keeps a stream of events open for as long as the page lives. The browser's own retry gives up on
 * some answers, so every loss is followed by a new stream, at first after half a second, later
 * after up to five.
 */
export function connect(listener: ConnectionListener): void {
  let wait = firstWaitMs;
  const open = () => {
    const source = new EventSource('/api/events');
    source.addEventListener('open', () => {
      wait = firstWaitMs;
      listener.onUp();
    });
    source.addEventListener('message', (event) => listener.onEvent(JSON.parse(String(event.data))));
    source.addEventListener('error', () => {
      source.close();
      listener.onDown();
      setTimeout(open, wait);
      wait = Math.min(wait * 2, longestWaitMs);
    });
  };
  open();
}
