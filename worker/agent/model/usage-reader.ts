import { createEventReader } from './event-reader.ts';
import { noTokens } from '../../../shared/runtime/model-prices.ts';
import type { ModelTokens, Serving } from '../../../shared/runtime/model-prices.ts';
import { parseJson } from '../../../shared/runtime/json.ts';

/** The usage that an answer of the model has reported so far. */
export type SeenUsage = {
  /** The model that answered. */
  model: string | undefined;
  tokens: ModelTokens;
  serving: Serving;
  /** Whether any usage was reported. */
  hasBegun: boolean;
  /** Whether the whole answer has passed, with its final numbers. */
  isWhole: boolean;
};

/** Reads the usage from an answer that passes in chunks. Never throws, whatever the bytes are. */
export type UsageReader = { feed(chunk: Buffer): void; end(): void; seen(): SeenUsage };

/** A longer JSON answer is not read (bytes). */
const longestAnswer = 16 * 1024 * 1024;

/** Approximate characters per token, by Anthropic's rule of thumb. */
const charactersPerToken = 4;

/**
 * Reads an event stream. Calls `onChange` when the answer starts and when it is whole. An answer
 * that is cut off before it reports its output is counted by the text that has passed, since a
 * client could otherwise avoid the cost by hanging up.
 */
export function createStreamUsageReader(onChange: (seen: SeenUsage) => void): UsageReader {
  const usage = createUsage();
  let [model, hasBegun, isWhole, hasTotal, passed] = [
    undefined as string | undefined,
    false,
    false,
    false,
    0,
  ];
  const seen = (): SeenUsage => {
    const said = usage.tokens();
    const estimated = Math.max(said.output, Math.ceil(passed / charactersPerToken));
    return {
      model,
      tokens: { ...said, output: hasTotal ? said.output : estimated },
      serving: usage.serving(),
      hasBegun,
      isWhole,
    };
  };
  const onEvent = (event: Record<string, unknown>): void => {
    switch (event['type']) {
      case 'message_start': {
        const message = asRecord(event['message']);
        if (typeof message['model'] === 'string') model = message['model'];
        usage.add(asRecord(message['usage']));
        if (hasBegun) return;
        hasBegun = true;
        return onChange(seen());
      }
      case 'content_block_delta':
        passed += textOf(asRecord(event['delta']));
        return;
      case 'message_delta': {
        const said = asRecord(event['usage']);
        usage.add(said);
        hasBegun ||= typeof said['output_tokens'] === 'number';
        hasTotal ||= typeof said['output_tokens'] === 'number';
        return;
      }
      case 'message_stop':
        if (!hasBegun || isWhole) return;
        isWhole = true;
        return onChange(seen());
      default:
    }
  };
  const events = createEventReader(onEvent);
  return { feed: events.feed, end: events.end, seen };
}

/** Reads an answer that is one JSON object. */
export function createJsonUsageReader(): UsageReader {
  let chunks: Buffer[] = [];
  let size = 0;
  let read: SeenUsage = {
    model: undefined,
    tokens: { ...noTokens },
    serving: { isFast: false, isInUs: false },
    hasBegun: false,
    isWhole: false,
  };
  return {
    feed(chunk) {
      size += chunk.length;
      if (size <= longestAnswer) chunks.push(chunk);
      else chunks = [];
    },
    end() {
      const answer = asRecord(parseJson(Buffer.concat(chunks).toString('utf8')));
      chunks = [];
      if (typeof answer['usage'] !== 'object' || answer['usage'] === null) return;
      const usage = createUsage();
      usage.add(asRecord(answer['usage']));
      const model = typeof answer['model'] === 'string' ? answer['model'] : undefined;
      read = {
        model,
        tokens: usage.tokens(),
        serving: usage.serving(),
        hasBegun: true,
        isWhole: true,
      };
    },
    seen: () => read,
  };
}

/**
 * Merges the usage objects of one answer, which are cumulative: the last non-zero value of each
 * number counts.
 */
function createUsage(): {
  add(said: Record<string, unknown>): void;
  tokens(): ModelTokens;
  serving(): Serving;
} {
  const last = new Map<string, number>();
  const serving: Serving = { isFast: false, isInUs: false };
  const note = (name: string, value: unknown): void => {
    // A number beyond any model's context is invalid and would be priced.
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value < 1e9)
      last.set(name, value);
  };
  const get = (name: string): number => last.get(name) ?? 0;
  return {
    add(said) {
      for (const name of [
        'input_tokens',
        'output_tokens',
        'cache_creation_input_tokens',
        'cache_read_input_tokens',
      ])
        note(name, said[name]);
      const created = asRecord(said['cache_creation']);
      for (const name of ['ephemeral_5m_input_tokens', 'ephemeral_1h_input_tokens'])
        note(name, created[name]);
      note('web_search_requests', asRecord(said['server_tool_use'])['web_search_requests']);
      if (said['speed'] === 'fast') serving.isFast = true;
      if (said['inference_geo'] === 'us') serving.isInUs = true;
    },
    tokens() {
      const created = Math.max(
        get('cache_creation_input_tokens'),
        get('ephemeral_5m_input_tokens') + get('ephemeral_1h_input_tokens'),
      );
      const cacheWrite1h = Math.min(get('ephemeral_1h_input_tokens'), created);
      return {
        input: get('input_tokens'),
        output: get('output_tokens'),
        cacheRead: get('cache_read_input_tokens'),
        cacheWrite1h,
        cacheWrite5m: created - cacheWrite1h,
        webSearches: get('web_search_requests'),
      };
    },
    serving: () => ({ ...serving }),
  };
}

/** Number of characters in a delta. */
function textOf(delta: Record<string, unknown>): number {
  return ['text', 'partial_json', 'thinking'].reduce(
    (sum, name) => sum + (typeof delta[name] === 'string' ? delta[name].length : 0),
    0,
  );
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
