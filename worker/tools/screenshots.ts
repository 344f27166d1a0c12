import path from 'node:path';
import type { AgentEvent, SendTools } from '../agent/agent.ts';
import { asksToSee } from './asked-to-see.ts';

/** The screenshots of one turn. */
export type Screenshots = {
  /** Records every event of the turn, in order. */
  note(event: AgentEvent): void;
  /**
   * Sends screenshots that Claude has taken but not sent, if `asked` (the answered messages in the
   * person's own words) requests a picture: the last three at most. Call it right before the
   * answer. Never throws, as `sendFile` does not.
   */
  sendUnsent(asked: string[]): Promise<void>;
};

/** More pictures than this would be too many. */
const mostSent = 3;

/**
 * Sends requested screenshots even when Claude takes them and forgets to send them. When it sends
 * one itself it has made its choice: that one and earlier ones are left out. `sendFile` identifies
 * a picture by its content, so none is sent twice.
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
