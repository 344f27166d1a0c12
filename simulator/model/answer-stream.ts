import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AssistantMessage, MessageBlock } from './answer.ts';

/** One server-sent event of a streamed answer; its name is its `type`. */
export type StreamEvent = { type: string } & Record<string, unknown>;

/**
 * The events of a streamed answer in the order of
 * https://docs.anthropic.com/en/docs/build-with-claude/streaming
 */
function* streamEvents(message: AssistantMessage): Generator<StreamEvent> {
  const usage = { ...message.usage, output_tokens: 1 };
  yield { type: 'message_start', message: { ...message, content: [], stop_reason: null, usage } };
  yield { type: 'ping' };
  for (const [index, block] of message.content.entries()) {
    const content_block =
      block.type === 'text' ? { type: 'text', text: '' } : { ...block, input: {} };
    yield { type: 'content_block_start', index, content_block };
    for (const delta of blockDeltas(block)) yield { type: 'content_block_delta', index, delta };
    yield { type: 'content_block_stop', index };
  }
  yield {
    type: 'message_delta',
    delta: { stop_reason: message.stop_reason, stop_sequence: null },
    usage: message.usage,
  };
  yield { type: 'message_stop' };
}

/**
 * Writes a streamed answer.
 * @param deltaMs milliseconds before each piece of content
 * @param cut closes the connection in the middle of the last block
 * @param onWritten gets each event once it is written
 * @throws AbortError when `signal` fires
 */
export async function writeStream(
  response: ServerResponse,
  message: AssistantMessage,
  {
    deltaMs,
    cut,
    signal,
    onWritten,
  }: {
    deltaMs: number;
    cut: boolean;
    signal: AbortSignal;
    onWritten?: (event: StreamEvent) => void;
  },
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
  });
  const last = message.content.length - 1;
  for (const event of streamEvents(message)) {
    if (cut && event.type === 'content_block_stop' && event['index'] === last) {
      // Ending the socket lets the written data arrive; the missing last chunk shows the reader
      // that the answer is incomplete.
      response.socket?.end();
      return;
    }
    if (deltaMs > 0 && event.type === 'content_block_delta')
      await sleep(deltaMs, undefined, { signal });
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    onWritten?.(event);
  }
  response.end();
}

function blockDeltas(block: MessageBlock): Record<string, unknown>[] {
  if (block.type === 'text')
    return cutInPieces(block.text).map((text) => ({ type: 'text_delta', text }));
  return cutInPieces(JSON.stringify(block.input)).map((partial_json) => ({
    type: 'input_json_delta',
    partial_json,
  }));
}

/** Four pieces or fewer, never cutting a surrogate pair. */
function cutInPieces(whole: string): string[] {
  const characters = Array.from(whole);
  const size = Math.max(8, Math.ceil(characters.length / 4));
  const pieces: string[] = [];
  for (let start = 0; start < characters.length; start += size)
    pieces.push(characters.slice(start, start + size).join(''));
  return pieces;
}
