import type { Conversations } from '../shared/conversation.ts';
import { dayOf } from '../shared/spend.ts';
import type { Spend } from '../shared/spend.ts';
import { AgentFailure } from './agent/agent.ts';
import { dollars } from './cost-words.ts';
import type { Question } from './question.ts';
import type { Questions } from './questions.ts';
import type { TurnContext } from './turn-context.ts';

/** Limits in US dollars for one turn, and for a day of one person; undefined: none. */
export type BudgetParts = { budgets: { turnUsd: number | undefined; dayUsd: number | undefined }; conversations: Conversations; spend: Spend };

export type Budget = {
  /** Whether the turn may go on, having cost so much; asks the person when a limit is reached, and ends the turn when they say no. */
  mayGoOn(spentUsd: number, signal: AbortSignal): Promise<boolean>;
};

/** What the person grants at a time (US dollars). */
const stepUsd = 1;
const goOn = `Continue? +$${stepUsd}`;

/** `end` ends the turn. */
export function createBudget({ budgets, conversations, spend }: BudgetParts, { conversation, fence }: TurnContext, questions: Questions, end: (failure: AgentFailure) => void): Budget {
  let grantedToTurn = 0;

  const readDay = async (): Promise<{ day: string; spent: number; granted: number }> => {
    const { timezone, granted = '' } = await conversations.read(conversation);
    const day = dayOf(Date.now(), timezone);
    const [grantedOn, amount] = granted.split(' ');
    return { day, spent: await spend.today(day, conversation), granted: grantedOn === day ? Number(amount) : 0 };
  };

  /** The first limit that is reached, in words, and what grants more. */
  const findLimit = async (spentUsd: number): Promise<{ words: string; grant: () => Promise<void> } | undefined> => {
    if (budgets.turnUsd !== undefined && spentUsd >= budgets.turnUsd + grantedToTurn) {
      const words = `This task has cost ${dollars(spentUsd)}; its budget is ${dollars(budgets.turnUsd + grantedToTurn)}.`;
      return { words, grant: async () => void (grantedToTurn += stepUsd) };
    }
    if (budgets.dayUsd === undefined) return undefined;
    const { day, spent, granted } = await readDay();
    if (spent + spentUsd < budgets.dayUsd + granted) return undefined;
    const words = `Today has cost ${dollars(spent + spentUsd)}; the day's budget is ${dollars(budgets.dayUsd + granted)}.`;
    return { words, grant: () => conversations.write(conversation, fence, { granted: `${day} ${granted + stepUsd}` }) };
  };

  return {
    async mayGoOn(spentUsd, signal) {
      for (let limit = await findLimit(spentUsd); limit; limit = await findLimit(spentUsd)) {
        const question: Question = { kind: 'budget', text: `${limit.words} Shall I go on?`, options: [{ label: goOn }, { label: 'Stop here' }], multiple: false, fallback: 'Stop here' };
        const { words } = await questions.ask(question, signal);
        if (words[0] !== goOn) {
          end(new AgentFailure('budget', limit.words));
          return false;
        }
        await limit.grant();
      }
      return true;
    },
  };
}
