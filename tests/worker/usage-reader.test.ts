import { expect, test } from 'vitest';
import {
  createJsonUsageReader,
  createStreamUsageReader,
} from '../../worker/agent/model/usage-reader.ts';
import type { SeenUsage } from '../../worker/agent/model/usage-reader.ts';
import { streamOf } from '../support/proxy-bench.ts';
import { createRandom } from '../support/random.ts';

const usage = {
  input_tokens: 7,
  output_tokens: 1,
  cache_read_input_tokens: 20,
  cache_creation_input_tokens: 30,
  cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
};
const tokens = {
  input: 7,
  output: 42,
  cacheRead: 20,
  cacheWrite5m: 10,
  cacheWrite1h: 20,
  webSearches: 0,
};
const usual = { isFast: false, isInUs: false };

/** What a reader saw of the pieces, and what it told on the way. */
function read(pieces: Iterable<Buffer>): { seen: SeenUsage; told: SeenUsage[] } {
  const told: SeenUsage[] = [];
  const reader = createStreamUsageReader((seen) => told.push(seen));
  for (const piece of pieces) reader.feed(piece);
  reader.end();
  return { seen: reader.seen(), told };
}

const event = (value: unknown, name?: string): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(value)}\n\n`;

test('wherever a stream is cut into pieces, and however its lines end, the same is read', () => {
  const random = createRandom(11);
  const odd = [
    ': a comment\n\n',
    'retry: 5\nid: 7\n\n',
    event({ type: 'unknown_event', usage: { output_tokens: 9999 } }),
    'data: no JSON\n\n',
    'data: [1]\n\n',
    'data\n\n',
    'event: x\n\n',
    // An event over several lines.
    'event: ping\ndata: {"type":\ndata: "ping"}\n\n',
  ];
  const [head = '', ...rest] = streamOf(usage, ['grüß 👋 dich', 'x'], { output_tokens: 42 }).split(
    /(?<=\n\n)/,
  );
  const text = [odd.join(''), head, odd.join(''), ...rest].join('');
  for (const end of ['\n', '\r\n', '\r']) {
    const bytes = Buffer.from(text.replaceAll('\n', end));
    for (let round = 0; round < 40; round += 1) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length;) {
        const size = round === 0 ? 1 : 1 + random.below(round === 1 ? bytes.length : 40);
        pieces.push(bytes.subarray(at, at + size));
        at += size;
      }
      const { seen, told } = read(pieces);
      expect(seen).toEqual({
        model: 'claude-opus-5-5',
        tokens,
        serving: usual,
        hasBegun: true,
        isWhole: true,
      });
      expect(
        told.map(({ isWhole, tokens: { input, output } }) => [isWhole, input, output]),
      ).toEqual([
        [false, 7, 1],
        [true, 7, 42],
      ]);
    }
  }
});

test('numbers are sums up to then: the last that is not zero holds, and nonsense is passed over', () => {
  const first = event({
    type: 'message_start',
    message: { model: 'm', usage: { input_tokens: 5, output_tokens: 1 } },
  });
  const nonsense = [0, null, -4, 1.5, 'many', 1e12, NaN]
    .map((output_tokens) =>
      event({ type: 'message_delta', usage: { output_tokens, input_tokens: 0 } }),
    )
    .join('');
  const later = event({
    type: 'message_delta',
    usage: {
      output_tokens: 8,
      input_tokens: 50,
      server_tool_use: { web_search_requests: 3 },
      speed: 'fast',
      inference_geo: 'us',
    },
  });
  const { seen } = read([Buffer.from(first + nonsense + later + nonsense)]);
  expect(seen).toMatchObject({
    tokens: { input: 50, output: 8, webSearches: 3 },
    serving: { isFast: true, isInUs: true },
    isWhole: false,
  });
  for (const usage of [null, 7, 'x', [], { cache_creation: 7 }, { server_tool_use: [] }]) {
    expect(
      read([Buffer.from(event({ type: 'message_start', message: { usage } }))]).seen.tokens,
    ).toMatchObject({ input: 0, output: 0 });
  }
  expect(
    read([
      Buffer.from(
        event({ type: 'message_start', message: { usage: { cache_creation_input_tokens: 9 } } }),
      ),
    ]).seen.tokens,
  ).toMatchObject({ cacheWrite5m: 9, cacheWrite1h: 0 });
});

test('a stream that is cut counts the text, the thinking and the input of tools that have passed', () => {
  const delta = (value: object): string => event({ type: 'content_block_delta', delta: value });
  const begun = streamOf(usage, [], undefined);
  expect(read([Buffer.from(begun)]).seen.tokens.output).toBe(1);
  const passed =
    delta({ text: 'x'.repeat(10) }) +
    delta({ thinking: 'y'.repeat(20) }) +
    delta({ partial_json: 'z'.repeat(11) }) +
    delta({ text: 7 });
  expect(read([Buffer.from(begun + passed)]).seen).toMatchObject({
    tokens: { output: 11 },
    hasBegun: true,
    isWhole: false,
  });
  // A half of an event is none.
  expect(
    read([
      Buffer.from(
        `${begun}${passed}event: message_delta\ndata: {"type":"message_delta","usage":{"output_to`,
      ),
    ]).seen.tokens.output,
  ).toBe(11);
});

test('a line or an event of more than 4 MB is passed over, and what follows it is read', () => {
  const begin = (size: number, lines = 1): string => {
    const padded = JSON.stringify({
      type: 'message_start',
      message: { model: 'padded', pad: 'x'.repeat(size), usage },
    });
    const length = Math.ceil(padded.length / lines);
    return `${Array.from({ length: lines }, (_, index) => `data: ${padded.slice(index * length, (index + 1) * length)}\n`).join('')}\n`;
  };
  const megabyte = 1024 * 1024;
  const modelAfter = (text: string): string | undefined => {
    const bytes = Buffer.from(text + streamOf(usage, [], { output_tokens: 42 }));
    const pieces = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, index) =>
      bytes.subarray(index * 65_536, (index + 1) * 65_536),
    );
    const { seen, told } = read(pieces);
    expect(seen).toMatchObject({ tokens, isWhole: true });
    return told[0]?.model;
  };
  expect(modelAfter(begin(megabyte))).toBe('padded');
  expect(modelAfter(begin(5 * megabyte))).toBe('claude-opus-5-5');
  expect(modelAfter(begin(5 * megabyte, 3))).toBe('claude-opus-5-5');
});

test('an answer in one piece is read whole, and nothing of what is no answer', () => {
  const readJson = (text: string): SeenUsage => {
    const reader = createJsonUsageReader();
    for (const piece of text.match(/[^]{1,7}/g) ?? []) reader.feed(Buffer.from(piece));
    reader.end();
    return reader.seen();
  };
  expect(
    readJson(JSON.stringify({ model: 'm', usage: { ...usage, output_tokens: 42 } })),
  ).toMatchObject({ model: 'm', tokens, isWhole: true });
  for (const text of ['', '[]', 'null', '{"usage":7}', '{"usage":', '<html>', '{}'])
    expect([text, readJson(text).hasBegun]).toEqual([text, false]);
});
