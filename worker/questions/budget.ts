import type { Conversations } from '../../shared/store/conversation.ts';
import { dayOf, monthOf } from '../../shared/store/money/spend.ts';
import { limitOf } from '../../shared/store/people.ts';
import type { Snapshot } from '../../shared/store/boxes/snapshot.ts';
import type { Spend } from '../../shared/store/money/spend.ts';
import { AgentFailure } from '../agent/agent-failure.ts';
import { dollars } from '../commands/format-cost.ts';
import type { Question } from './question.ts';
import type { Questions } from './questions.ts';
import type { TurnContext } from '../turn/context.ts';

/**
 * Limits in US dollars per turn, per person and day, and for everybody in a month; undefined means
 * no limit.
 */
export type BudgetDeps = {
  budgets: {
    turnUsd: number | undefined;
    dayUsd: number | undefined;
    monthUsd?: number | undefined;
  };
  /** Whether the person may raise the month's budget, which is the owner's; they may unless given. */
  mayRaiseMonth?: () => Promise<boolean>;
  /** The conversation and its person at the last look at the inbox. */
  known: () => Pick<Snapshot, 'conversation' | 'person'>;
  conversations: Pick<Conversations, 'write'>;
  spend: Spend;
};

export type Budget = {
  /**
   * Whether the turn may continue; asks the person when a limit is reached, and ends the turn if
   * they say no.
   * `beforeAsking` is waited for before each question.
   */
  mayGoOn(signal: AbortSignal, beforeAsking?: () => Promise<void>): Promise<boolean>;
};

/** How much one approval adds to a turn's or a day's budget, and to a month's (US dollars). */
const stepUsd = 1;
const monthStepUsd = 10;
/** The button that raises a budget; it has at most 20 characters. */
const goOnWords = (isPretend: boolean, step: number): string =>
  isPretend ? `Go on? Pretend +$${step}` : `Continue? +$${step}`;

/**
 * Checks a turn's cost against the sums that the model proxy keeps, and raises the proxy's limit
 * with the person's approval. Whether one model request exceeds it is decided in
 * `shared/store/money/model-requests.ts`. Without approval `ending` ends the turn.
 */
export function createBudget(
  { budgets, mayRaiseMonth = async () => true, known, conversations, spend }: BudgetDeps,
  { conversation, turn, fence }: TurnContext,
  questions: Questions,
  ending: AbortController,
): Budget {
  const money = (usd: number): string => dollars(usd, spend.isPretend);
  const findMonthLimit = async (
    day: string,
  ): Promise<
    { words: string; subject: string; step: number; grant?: () => Promise<void> } | undefined
  > => {
    if (budgets.monthUsd === undefined) return undefined;
    const month = monthOf(day);
    const { usd, grantedUsd } = await spend.month(month);
    if (usd < budgets.monthUsd + grantedUsd) return undefined;
    const words = `This month has cost ${money(usd)}; the budget of everybody here is ${money(budgets.monthUsd + grantedUsd)}.`;
    const limit = { words, subject: `${month} ${grantedUsd}`, step: monthStepUsd };
    if (!(await mayRaiseMonth())) return limit;
    return { ...limit, grant: () => spend.grantMonth(month, grantedUsd + monthStepUsd) };
  };
  /**
   * The first limit reached, in words, with the function that raises it: the person cannot raise
   * what the owner has set for them.
   */
  const findLimit = async (): Promise<
    { words: string; subject: string; step?: number; grant?: () => Promise<void> } | undefined
  > => {
    const day = dayOf(Date.now(), known().conversation.timezone);
    const { turnUsd, turnGrantedUsd, dayUsd, dayGrantedUsd, limitUsd } = await spend.budgetUse(
      turn,
      conversation,
      day,
    );
    if (limitUsd !== undefined && dayUsd >= limitUsd)
      return {
        words: `Today has cost ${money(dayUsd)}, and the owner has set ${money(limitUsd)} a day for you.`,
        subject: day,
      };
    const ofMonth = await findMonthLimit(day);
    if (ofMonth) return ofMonth;
    if (budgets.turnUsd !== undefined && turnUsd >= budgets.turnUsd + turnGrantedUsd) {
      const words = `This task has cost ${money(turnUsd)}; its budget is ${money(budgets.turnUsd + turnGrantedUsd)}.`;
      return {
        words,
        subject: `turn ${turnGrantedUsd}`,
        grant: () => spend.grantTurn(turn, stepUsd),
      };
    }
    if (limitUsd !== undefined || budgets.dayUsd === undefined) return undefined;
    if (dayUsd < budgets.dayUsd + dayGrantedUsd) return undefined;
    const words = `Today has cost ${money(dayUsd)}; the day's budget is ${money(budgets.dayUsd + dayGrantedUsd)}.`;
    return {
      words,
      subject: `${day} ${dayGrantedUsd}`,
      grant: () =>
        conversations.write(conversation, fence, { granted: `${day} ${dayGrantedUsd + stepUsd}` }),
    };
  };

  /** Only the first check may trust the look with which the turn began. */
  let isFirst = true;
  const isUnlimited = (): boolean =>
    Object.values(budgets).every((usd) => usd === undefined) &&
    limitOf(known().person ?? {}) === undefined;

  return {
    async mayGoOn(signal, beforeAsking) {
      const isFree = isFirst && isUnlimited();
      isFirst = false;
      if (isFree) return true;
      for (let limit = await findLimit(); limit; limit = await findLimit()) {
        if (!limit.grant) {
          ending.abort(new AgentFailure('day-limit', limit.words));
          return false;
        }
        const goOn = goOnWords(spend.isPretend, limit.step ?? stepUsd);
        const options = [{ label: goOn }, { label: 'Stop here' }];
        const question: Question = {
          kind: 'budget',
          text: `${limit.words} Shall I go on?`,
          options,
          multiple: false,
          fallback: 'Stop here',
          subject: limit.subject,
          yes: goOn,
          no: 'Stop here',
        };
        await beforeAsking?.();
        const { words } = await questions.ask(question, signal);
        if (words[0] !== goOn) {
          ending.abort(new AgentFailure('budget', limit.words));
          return false;
        }
        await limit.grant();
      }
      return true;
    },
  };
}
