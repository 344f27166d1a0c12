import path from 'node:path';
import type { AgentEvent, SendTools } from '../agent/agent.ts';
import { asksToSee } from './asked-to-see.ts';

/** The screenshots of one turn. */
export type Screenshots = {
  /** Every event of the turn, in order. */
  note(event: AgentEvent): void;
  /**
   * Sends what Claude has photographed and not sent, if `asked` (what the answered messages say, in
   * the person's own words) wants to see something: the last three at most. To be called right
   * before the answer. Never throws, as `sendFile` does not.
   */
  sendUnsent(asked: string[]): Promise<void>;
};

/** More pictures than this nobody has asked for. */
const mostSent = 3;

/**
 * Screenshots on request arrive also when Claude takes them and forgets to send them. When it sends
 * one of them itself it has made its choice: that one and those before it stay out. A picture is
 * known by its content to `sendFile`, so none goes twice, however it was sent before.
 */
export function createScreenshots({ sendFile }: Pick<SendTools, 'sendFile'>): Screenshots {
  let unsent: string[] = [];
  return {
    note(event) {
      if (event.kind === 'picture')
        unsent = [...unsent.filter((known) => known !== event.path), event.path];
      // The summary of this tool's call is the path.
      if (event.kind !== 'tool' || !event.name.endsWith('__send_file')) return;
      const chosen = path.basename(event.summary);
      if (unsent.some((picture) => path.basename(picture) === chosen)) unsent = [];
    },
    async sendUnsent(asked) {
      const pictures = unsent.slice(-mostSent);
      unsent = [];
      if (!asksToSee(asked)) return;
      for (const picture of pictures) await sendFile({ path: picture });
    },
  };
}
