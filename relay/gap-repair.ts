import type { Reply } from '../shared/reply.ts';
import type { Running } from '../shared/lifecycle.ts';
import type { Log } from '../shared/log.ts';
import { Message } from '../shared/message.ts';
import type { Messenger, Remembered } from '../shared/messenger.ts';
import type { JudgeParties } from './parties.ts';
import type { People } from './people.ts';
import type { Receive } from './reception.ts';
import type { StatusReport } from './webhook.ts';

/** How far back Twilio is asked, and how often (ms): a day, every hour. */
const lookBackMs = 24 * 3600_000;
const everyMs = 3600_000;

export type GapRepairParts = {
  messenger: Messenger;
  /** Whether a message was accepted before. */
  isKnown: (id: string) => Promise<boolean>;
  /** Our account, which is the only one that is asked. */
  accountSid: string;
  judgeParties: JudgeParties;
  people: People;
  receive: Receive;
  onAccepted: (message: Message) => void;
  /** The reply that a Twilio message is, if it is one of ours. */
  findReply: (sid: string) => Promise<Reply | undefined>;
  noteStatus: (report: StatusReport) => Promise<void>;
  log: Log;
};

/**
 * Takes in what Twilio has and the relay never heard of: messages that came while it was down or whose webhook failed for good, and replies that failed
 * late while nobody took the status callback. Runs at the start and hourly.
 */
export function createGapRepair(parts: GapRepairParts): { start: () => Running } {
  const repairMessage = async (remembered: Remembered): Promise<void> => {
    if (await parts.isKnown(remembered.id)) return;
    const judgement = parts.judgeParties({ account: parts.accountSid, ours: remembered.to, theirs: remembered.from });
    const sender = 'person' in judgement && judgement.person !== undefined ? await parts.people.identify([judgement.person]) : undefined;
    if (!sender) return;
    const { data } = Message.safeParse({
      id: remembered.id, conversation: sender.conversation, at: remembered.at.toISOString(), text: remembered.text, media: await remembered.media(), human: true,
    });
    if (!data) return;
    const { outcome, turn, message } = await parts.receive(data, { ...sender, missed: true });
    if (outcome !== 'new') return;
    parts.log.warn({ turn, message: message.id, conversation: message.conversation }, 'took in a message that its webhook did not bring');
    parts.onAccepted(message);
  };
  const repairMessages = async (now: Date, youngestMs: number): Promise<void> => {
    for (const remembered of await parts.messenger.received(new Date(now.getTime() - lookBackMs))) {
      // A webhook that is on its way says more than Twilio's list does.
      if (now.getTime() - remembered.at.getTime() < youngestMs) continue;
      // One that cannot be taken in now must not hold up the others; the next round asks again.
      await repairMessage(remembered).catch((error: unknown) => parts.log.warn({ err: error, message: remembered.id }, 'could not take in a missed message'));
    }
  };
  const repairReplies = async (now: Date): Promise<void> => {
    for (const { sid, code } of await parts.messenger.undelivered(new Date(now.getTime() - lookBackMs))) {
      const reply = await parts.findReply(sid);
      // The ledger knows what it has heard already, so telling it again changes nothing.
      if (reply) await parts.noteStatus({ reply: reply.id, conversation: reply.conversation, sid, status: 'failed', code });
    }
  };
  const run = (youngestMs: number): void => {
    const now = new Date();
    const onError = (error: unknown): void => parts.log.warn({ err: error }, 'could not ask Twilio for what was missed');
    repairMessages(now, youngestMs).catch(onError);
    repairReplies(now).catch(onError);
  };
  return {
    start() {
      // The relay was away: nothing that is in the list now is certain to come by itself.
      run(0);
      const timer = setInterval(() => run(60_000), everyMs);
      return { stop: async () => clearInterval(timer) };
    },
  };
}
