import { SendFailure } from './messenger.ts';
import type { Messenger } from './messenger.ts';
import type { Tracer } from '../runtime/tracing.ts';

/** Wraps a messenger so that its requests to the carrier are spans of the trace. */
export function traceMessenger(messenger: Messenger, trace: Tracer): Messenger {
  const traced = <T>(
    name: string,
    ask: () => Promise<T>,
    about: (result: T) => { sid?: string },
  ): Promise<T> =>
    trace(name, 'client', async (note) => {
      try {
        const result = await ask();
        note(about(result));
        return result;
      } catch (error) {
        if (error instanceof SendFailure) note({ action: error.action, code: error.code });
        throw error;
      }
    });
  return {
    ...messenger,
    send: (message, notAfter) =>
      traced(
        'send',
        () => messenger.send(message, notAfter),
        ({ sid }) => ({ sid }),
      ),
    find: (message, since) =>
      traced(
        'find',
        () => messenger.find(message, since),
        () => ({}),
      ),
  };
}
