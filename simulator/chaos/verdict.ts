import { withoutHeading } from '../../shared/delivery/about-heading.ts';
import type { ChatStatus } from '../chat.ts';

/**
 * A message as it was sent. Times are ms since 1970; `acceptedAt` is the first 200 for it. `state`
 * and `turn` are the values in Redis at the end.
 */
export type SentMessage = {
  label: string;
  conversation: string;
  sid: string;
  sentAt: number;
  acceptedAt: number | undefined;
  state?: string | undefined;
  turn?: string | undefined;
};

/**
 * A message that Twilio accepted from the product, in order of acceptance. `toldFailure`: a
 * callback reported that it never arrived, and the product answered 200.
 */
export type ReceivedReply = {
  sid: string;
  conversation: string;
  text: string;
  status: ChatStatus;
  at: number;
  toldFailure: boolean;
};

/** A period (ms since 1970) that Redis has lost. */
export type Forgotten = { from: number; to: number };

export type Offence = { label: string; conversation: string; sid: string; why: string };

export type Verdict = {
  accepted: number;
  answered: number;
  /** Given up, with a sentence to the person. */
  failed: number;
  /**
   * WhatsApp failed after Twilio had accepted it, and the relay was down when the callback came:
   * the product cannot know.
   */
  undeliveredUntold: Offence[];
  notAccepted: number;
  lost: Offence[];
  doubled: Offence[];
  outOfOrder: Offence[];
  /** The longest time from acceptance to the first answer (ms). */
  longestSilenceMs: number;
};

const sentences = {
  turn: /^(I could not finish this|I stopped this|I cannot work right now|Claude's usage limit)/,
  reply: /could not be delivered\. Please ask me again/,
  noHome: /^There is no computer free for you yet/,
  unsure: /^I lost the last moments of my memory/,
};

/**
 * Judges a run from the phones' side: each accepted message has exactly one answer that arrived, or
 * a sentence; answers come in the order of acceptance. Messages accepted in a period that Redis has
 * `forgotten` are accepted again later, behind those that came in between.
 */
export function judge(
  sent: SentMessage[],
  replies: ReceivedReply[],
  forgotten: readonly Forgotten[] = [],
): Verdict {
  const verdict: Verdict = {
    accepted: 0,
    answered: 0,
    failed: 0,
    undeliveredUntold: [],
    notAccepted: 0,
    lost: [],
    doubled: [],
    outOfOrder: [],
    longestSilenceMs: 0,
  };
  const byConversation = Map.groupBy(sent, (message) => message.conversation);
  for (const [conversation, messages] of byConversation) {
    const own = replies.filter((reply) => reply.conversation === conversation);
    for (const message of messages) {
      judgeMessage(verdict, message, own);
      judgeBackground(verdict, message, own, forgotten);
    }
    judgeSentences(verdict, messages, own);
    judgeOrder(verdict, messages, own, forgotten);
  }
  return verdict;
}

function judgeMessage(verdict: Verdict, message: SentMessage, own: ReceivedReply[]): void {
  const { acceptedAt, sid } = message;
  const offence = (why: string): Offence => ({
    label: message.label,
    conversation: message.conversation,
    sid,
    why,
  });
  if (acceptedAt === undefined) verdict.notAccepted += 1;
  else verdict.accepted += 1;
  const answers = own.filter((reply) => mentions(reply, 'answer to', message.label));
  const arrived = answers.filter(hasArrived);
  const [first] = answers;
  if (acceptedAt !== undefined && first)
    verdict.longestSilenceMs = Math.max(verdict.longestSilenceMs, first.at - acceptedAt);
  if (arrived.length > 1)
    verdict.doubled.push(
      offence(`answered ${arrived.length} times: ${arrived.map(describe).join(', ')}`),
    );
  // A person without a free home is asked to write again.
  const isTold = own.some((reply) => hasArrived(reply) && sentences.noHome.test(reply.text));
  const notes = own.filter((reply) => mentions(reply, 'note on', message.label)).filter(hasArrived);
  if (notes.length > 1)
    verdict.doubled.push(
      offence(`its note came ${notes.length} times: ${notes.map(describe).join(', ')}`),
    );
  if (arrived.length > 0) {
    verdict.answered += 1;
    if (message.state === 'failed')
      verdict.doubled.push(
        offence(`answered and given up as well: ${arrived.map(describe).join(', ')}`),
      );
  } else if (message.state === 'failed' || (message.state === 'refused' && isTold)) {
    verdict.failed += 1;
  } else if (answers.length > 0 || own.some((reply) => isUnsure(reply, message.label))) {
    verdict.failed += 1;
  } else if (acceptedAt !== undefined) {
    verdict.lost.push(
      offence(
        `accepted and never answered; Redis says ${message.state ?? 'nothing'}, turn ${message.turn ?? 'none'}`,
      ),
    );
  }
}

/**
 * Work in the background that a message has started ends in one word of its end, in one sentence
 * that it was lost, or in a sentence that names its request and gives its report up.
 */
function judgeBackground(
  verdict: Verdict,
  { label, conversation, sid, sentAt }: SentMessage,
  own: ReceivedReply[],
  forgotten: readonly Forgotten[],
): void {
  const arrived = own.filter(hasArrived);
  const isBegun = arrived.some(({ text }) => text.split('\n').includes(`began ${label}`));
  const tellsEnd = ({ text }: ReceivedReply): boolean =>
    text.split('\n').includes(`end of ${label}`);
  const tellsLoss = ({ text }: ReceivedReply): boolean =>
    text.includes('ended with it') && text.includes(`“Watch ${label}”`);
  const isGivenUp = ({ text }: ReceivedReply): boolean =>
    text.startsWith('_About ') &&
    text.includes(`“say answer to ${label} `) &&
    sentences.turn.test(withoutHeading(text));
  const [ends, losses] = [arrived.filter(tellsEnd), arrived.filter(tellsLoss)];
  const offence = { label, conversation, sid };
  const all = [...ends, ...losses];
  if (all.length > 1)
    verdict.doubled.push({
      ...offence,
      why: `the end of its work was told ${ends.length} times and its loss ${losses.length} times: ${all.map(describe).join(', ')}`,
    });
  // What Redis has forgotten of it cannot be told. What WhatsApp refuses has a sentence of its own.
  const wasTold = own.some((reply) => tellsEnd(reply) || tellsLoss(reply) || isGivenUp(reply));
  if (isBegun && !wasTold && !forgotten.some(({ to }) => sentAt < to))
    verdict.lost.push({ ...offence, why: 'nothing was said of the end of its work' });
}

/**
 * Given-up messages count as reported only if the sentences arrived: one for each turn, and one for
 * each reply that WhatsApp refused for good.
 */
function judgeSentences(verdict: Verdict, messages: SentMessage[], own: ReceivedReply[]): void {
  const count = (pattern: RegExp): number => own.filter((reply) => pattern.test(reply.text)).length;
  const givenUp = messages.filter((message) => message.state === 'failed');
  const turns = new Set(givenUp.map((message) => message.turn));
  const [example] = givenUp;
  if (example && count(sentences.turn) < turns.size) {
    verdict.lost.push({
      ...example,
      why: `${turns.size} turns were given up and ${count(sentences.turn)} sentences came`,
    });
  }
  const answersTo = ({ label }: SentMessage): ReceivedReply[] =>
    own.filter((reply) => mentions(reply, 'answer to', label));
  const refused = messages.filter(
    (message) =>
      message.state !== 'failed' &&
      answersTo(message).length > 0 &&
      !answersTo(message).some(hasArrived) &&
      // Redis has lost that it was to be sent again, and the person heard so.
      !own.some((reply) => isUnsure(reply, message.label)),
  );
  // Several messages may have one answer.
  const answers = new Set(refused.map((message) => answersTo(message)[0]?.sid));
  if (count(sentences.reply) >= answers.size) return;
  // A relay that is killed may have dealt with a callback whose answer Twilio never got.
  const untold = refused.filter((message) =>
    answersTo(message).some((reply) => !reply.toldFailure),
  );
  for (const message of untold) {
    const { label, conversation, sid } = message;
    const why = `Twilio took it and WhatsApp did not: ${answersTo(message).map(describe).join(', ')}`;
    verdict.failed -= 1;
    verdict.undeliveredUntold.push({ label, conversation, sid, why });
  }
  const [unsaid] = refused;
  if (unsaid && untold.length === 0) {
    verdict.lost.push({
      ...unsaid,
      why: `${answers.size} answers were refused by WhatsApp and ${count(sentences.reply)} sentences came: ${refused.map((message) => message.label).join(', ')}`,
    });
  }
}

/**
 * One message came before another when its 200 was there before the other was sent; concurrent
 * messages have no order. The place of an answer is its first acceptance by Twilio, whatever its
 * later state.
 */
function judgeOrder(
  verdict: Verdict,
  messages: SentMessage[],
  own: ReceivedReply[],
  forgotten: readonly Forgotten[],
): void {
  const hasPlace = (acceptedAt: number): boolean =>
    !forgotten.some(({ from, to }) => acceptedAt >= from && acceptedAt <= to);
  const placed = messages.flatMap((message) => {
    const place = own.findIndex((reply) => mentions(reply, 'answer to', message.label));
    return place < 0 || message.acceptedAt === undefined
      ? []
      : [{ message, acceptedAt: message.acceptedAt, place }];
  });
  for (const later of placed) {
    const before = placed.find(
      (earlier) =>
        hasPlace(earlier.acceptedAt) &&
        earlier.acceptedAt < later.message.sentAt &&
        earlier.place > later.place,
    );
    if (before) {
      verdict.outOfOrder.push({
        label: later.message.label,
        conversation: later.message.conversation,
        sid: later.message.sid,
        why: `answered before ${before.message.label}, which was accepted earlier`,
      });
    }
  }
}

/** Says that the message may have been answered before the store lost the record of it. */
function isUnsure(reply: ReceivedReply, label: string): boolean {
  if (!hasArrived(reply) || !sentences.unsure.test(reply.text)) return false;
  const quotes = reply.text.match(/“[^”]*”/g) ?? [];
  return quotes.some((quote) => quote.split(/[^\w-]+/).includes(label));
}

/** Whether a reply has a line of these words and a message's label. */
export function mentions(reply: ReceivedReply, words: string, label: string): boolean {
  return reply.text
    .split('\n')
    .some((line) => line === `${words} ${label}` || line.startsWith(`${words} ${label} `));
}

function hasArrived(reply: ReceivedReply): boolean {
  return reply.status !== 'failed' && reply.status !== 'undelivered';
}

function describe(reply: ReceivedReply): string {
  return `${reply.sid} (${reply.status}, ${new Date(reply.at).toISOString()})`;
}
