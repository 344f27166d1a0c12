import type { ReplyLine, Turn } from '../../../shared/store/turns/turn-list.ts';

/**
 * A turn as the person saw it (ms since 1970): when their first message was accepted, when the
 * first word came, when the last part of the answer was sent, and when the last part had been
 * delivered; `pacedMs` is how long the send rate has held the answer back.
 */
export type PersonTimes = {
  accepted: number;
  firstWord: number | undefined;
  answerSent: number | undefined;
  delivered: number | undefined;
  pacedMs: number;
};

/**
 * The answer is what does not only accompany one. It is sent when all its parts are, and the turn
 * has nothing left to say; the same holds for its delivery.
 */
export function personTimes({
  at,
  state,
  replies,
}: Pick<Turn, 'at' | 'state' | 'replies'>): PersonTimes {
  const posted = replies.flatMap((reply) => sentAt(reply) ?? []);
  const answer = replies.filter(({ isAside, status }) => !isAside && status !== 'withdrawn');
  const isOver = state === 'answered' || state === 'failed' || state === 'parked';
  const latest = (times: (number | undefined)[]): number | undefined =>
    isOver && times.length > 0 && times.every((time) => time !== undefined)
      ? Math.max(...times)
      : undefined;
  return {
    accepted: at,
    firstWord: posted.length > 0 ? Math.min(...posted) : undefined,
    answerSent: latest(answer.map(sentAt)),
    delivered: latest(answer.map(({ deliveredAt }) => deliveredAt)),
    pacedMs: Math.max(0, ...answer.map(({ pacedMs }) => pacedMs)),
  };
}

/** When it was sent: a status callback may be faster than Twilio's answer to the request. */
function sentAt({ postedAt, deliveredAt }: ReplyLine): number | undefined {
  return postedAt === undefined ? undefined : Math.min(postedAt, deliveredAt ?? postedAt);
}
