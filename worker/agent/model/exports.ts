import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../../../shared/runtime/log.ts';

/** Whether a session's command asks for its person's variables. */
export function isExportsRequest({ method, url }: IncomingMessage): boolean {
  return method === 'GET' && url === '/environment';
}

/**
 * Answers with the variables of a conversation's commands as lines of shell; with nothing when
 * there are none, or when they cannot be read: the command then runs without them.
 */
export async function answerExports(
  response: ServerResponse,
  conversation: string | undefined,
  exportsOf: ((conversation: string) => Promise<string>) | undefined,
  log: Log,
): Promise<void> {
  let lines = '';
  try {
    if (conversation !== undefined) lines = (await exportsOf?.(conversation)) ?? '';
  } catch (error) {
    log.warn({ err: error, conversation }, 'the variables of a command could not be read');
  }
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' });
  response.end(lines);
}
