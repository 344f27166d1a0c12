import type { AskTools, ChatTools } from '../agent/agent.ts';

/**
 * Wraps the tools in a gate: none of them, including those that need approval, starts before
 * `settled` has resolved. By then `signal` has aborted if another worker has the turn; the asking
 * tools reject with its reason, and the turn's fence keeps the others from any effect.
 */
export function gateTools(
  tools: ChatTools,
  settled: () => Promise<void>,
  signal: AbortSignal,
): ChatTools {
  const gate =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await settled();
      return await call(...args);
    };
  const ask = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    gate(async (...args: Args): Promise<Result> => {
      signal.throwIfAborted();
      return await call(...args);
    });
  const asking: AskTools = {
    ask: ask((questions, until) => tools.ask(questions, until)),
    approve: ask((request, until) => tools.approve(request, until)),
    decidePlan: ask((plan, until) => tools.decidePlan(plan, until)),
    mayGoOn: ask((until, before) => tools.mayGoOn(until, before)),
  };
  return {
    ...asking,
    say: ask((words) => tools.say(words)),
    sendFile: gate((input) => tools.sendFile(input)),
    sendMessage: gate((input) => tools.sendMessage(input)),
    scheduleTurn: gate((input) => tools.scheduleTurn(input)),
    listSchedules: gate(() => tools.listSchedules()),
    cancelSchedule: gate((input) => tools.cancelSchedule(input)),
  };
}
