import type { Usage } from './answer.ts';
import { countTokens } from './answer.ts';
import type { StreamEvent } from './answer-stream.ts';

/** The charge for one request, by kinds of tokens. */
export type BillEntry = {
  /** Claude Code's session id, from its header; undefined when another client asks. */
  session: string | undefined;
  model: string;
  input: number;
  output: number;
  cacheWrite5m: number;
  cacheWrite1h: number;
  cacheRead: number;
};

/**
 * An entry for a streamed answer, which grows with each event that has been written: the input with
 * the first, and at an answer's end the output. An answer that is cut off or aborted by the client
 * is charged by the text written until then.
 */
export function chargeStream(
  bill: BillEntry[],
  client: Pick<BillEntry, 'session' | 'model'>,
): (event: StreamEvent) => void {
  let entry: BillEntry | undefined;
  let characters = 0;
  return (event) => {
    if (event.type === 'message_start') {
      const { usage } = event['message'] as { usage: Usage };
      entry = { ...client, ...charged(usage) };
      bill.push(entry);
    } else if (entry && event.type === 'content_block_delta') {
      const delta = event['delta'] as { text?: string; partial_json?: string };
      characters += (delta.text ?? delta.partial_json ?? '').length;
      entry.output = Math.max(entry.output, countTokens(characters));
    } else if (entry && event.type === 'message_delta')
      entry.output = (event['usage'] as Usage).output_tokens;
  };
}

/** An entry for an answer that is not streamed. */
export function chargeWhole(
  bill: BillEntry[],
  client: Pick<BillEntry, 'session' | 'model'>,
  usage: Usage,
): void {
  bill.push({ ...client, ...charged(usage) });
}

function charged(usage: Usage): Omit<BillEntry, 'session' | 'model'> {
  const {
    ephemeral_5m_input_tokens: short = usage.cache_creation_input_tokens,
    ephemeral_1h_input_tokens: long = 0,
  } = usage.cache_creation ?? {};
  return {
    input: usage.input_tokens,
    output: usage.output_tokens,
    cacheWrite5m: short,
    cacheWrite1h: long,
    cacheRead: usage.cache_read_input_tokens,
  };
}
