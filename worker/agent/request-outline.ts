/** What the account needs to know of a request to the model before it is answered. */
export type RequestOutline = {
  /** Undefined when the body does not say it in a form that is understood. */
  model: string | undefined;
  maxTokens: number | undefined;
};

const [quote, backslash, colon, comma, space] = [0x22, 0x5c, 0x3a, 0x2c, 0x20];
const openers: ReadonlySet<number> = new Set([0x7b, 0x5b]);
const closers: ReadonlySet<number> = new Set([0x7d, 0x5d]);

/** Names and values longer than this are not ours (bytes). */
const longest = 200;

/**
 * Reads `model` and `max_tokens` of a JSON object's first level in one pass, without building what is inside: bodies have up to 32 MB. As with JSON.parse the last of
 * two equal names counts. Never throws; of what is no JSON it says nothing, or something wrong.
 */
export function readOutline(body: Buffer): RequestOutline {
  const outline: RequestOutline = { model: undefined, maxTokens: undefined };
  let depth = 0;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at] ?? 0;
    if (openers.has(byte)) depth += 1;
    else if (closers.has(byte)) depth -= 1;
    else if (byte === quote) {
      const end = endOfString(body, at);
      const value = depth === 1 ? valueAfter(body, end) : undefined;
      if (value !== undefined) note(outline, parse(body, at, end), () => parse(body, value, endOfValue(body, value)));
      at = end - 1;
    }
  }
  return outline;
}

/** The index after a string that begins at `start`. Each run of backslashes is looked at once. */
function endOfString(body: Buffer, start: number): number {
  let from = start + 1;
  for (;;) {
    const end = body.indexOf(quote, from);
    if (end < 0) return body.length;
    let first = end;
    while (first > from && body[first - 1] === backslash) first -= 1;
    if ((end - first) % 2 === 0) return end + 1;
    from = end + 1;
  }
}

/** Where the value of a name that ends at `end` begins; undefined when it is no name. */
function valueAfter(body: Buffer, end: number): number | undefined {
  let at = skipSpace(body, end);
  if (body[at] !== colon) return undefined;
  at = skipSpace(body, at + 1);
  return at;
}

function skipSpace(body: Buffer, from: number): number {
  let at = from;
  while (at < body.length && (body[at] ?? 0) <= space) at += 1;
  return at;
}

function endOfValue(body: Buffer, start: number): number {
  if (body[start] === quote) return endOfString(body, start);
  let at = start;
  while (at < body.length && at - start <= longest && body[at] !== comma && !closers.has(body[at] ?? 0)) at += 1;
  return at;
}

function note(outline: RequestOutline, name: unknown, read: () => unknown): void {
  if (name === 'model') {
    const value = read();
    outline.model = typeof value === 'string' ? value : undefined;
  }
  if (name === 'max_tokens') {
    const value = read();
    outline.maxTokens = typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
  }
}

function parse(body: Buffer, start: number, end: number): unknown {
  if (end - start > longest) return undefined;
  try {
    return JSON.parse(body.toString('utf8', start, end));
  } catch {
    return undefined;
  }
}
