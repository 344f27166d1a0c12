/** Reads server-sent events from bytes in chunks of any size. */
export type EventReader = { feed(chunk: Buffer): void; end(): void };

/**
 * Longer lines and events are ignored (characters); the largest of the Messages API is a signature
 * of a few thousand.
 */
const longest = 4 * 1024 * 1024;

/**
 * Calls `onEvent` with the JSON object of each event; `type` defaults to the event's name. By the
 * standard, lines end with CR, LF or both, an event may have several `data:` lines, and unknown
 * lines are ignored. Data other than a JSON object is ignored, too. Never throws.
 */
export function createEventReader(onEvent: (event: Record<string, unknown>) => void): EventReader {
  const decoder = new TextDecoder('utf-8');
  let [rest, data, name, size, endedWithCr, isTooLong] = ['', [] as string[], '', 0, false, false];

  const dispatch = (): void => {
    const text = data.join('\n');
    const type = name;
    [data, name, size] = [[], '', 0];
    if (text === '') return;
    const event = parseObject(text);
    if (event) onEvent('type' in event ? event : { type, ...event });
  };
  const onLine = (line: string): void => {
    if (line === '') return dispatch();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') name = value.slice(0, 100);
    if (field !== 'data') return;
    size += value.length + 1;
    if (size <= longest) data.push(value);
    else data = [];
  };
  const feedText = (text: string): void => {
    // A CR at the end of a chunk may be the first half of a line ending.
    let from = endedWithCr && text.startsWith('\n') ? 1 : 0;
    endedWithCr = text.endsWith('\r');
    const ends = /\r\n|\r|\n/g;
    ends.lastIndex = from;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      if (!isTooLong) onLine(rest + text.slice(from, end.index));
      [rest, isTooLong] = ['', false];
      from = ends.lastIndex;
    }
    if (isTooLong) return;
    rest += text.slice(from);
    if (rest.length > longest) [rest, isTooLong] = ['', true];
  };
  return {
    feed(chunk) {
      const text = decoder.decode(chunk, { stream: true });
      if (text !== '') feedText(text);
    },
    end() {
      // By the standard an event without its blank line is incomplete, but the usage in it still
      // counts.
      if (rest !== '' && !isTooLong) onLine(rest);
      rest = '';
      dispatch();
    },
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
