import { cut } from '../../shared/runtime/cut.ts';
import { scheduleLine, scheduleWords } from '../schedules/describe.ts';
import type { Command } from './command.ts';

export const scheduleCommands: Command[] = [
  {
    pattern: /^\/schedules$/i,
    help: {
      usage: '/schedules',
      does: 'what is planned, how to cancel it, and how to start again what is paused',
    },
    anytime: true,
    async run({ stores: { schedules } }, { message }) {
      const present = await schedules.list(message.conversation);
      if (present.length === 0)
        return 'Nothing is scheduled. Ask me for something such as “every weekday at 9 look at the deploy log”.';
      const [first] = present;
      const paused = present.find((schedule) => schedule.paused)?.number;
      const again =
        paused === undefined
          ? ''
          : ` Text “/schedules resume ${paused}” to start number ${paused} again.`;
      return `${present.map(scheduleLine).join('\n')}\n\nText “/schedules cancel ${first?.number ?? 1}” to cancel number ${first?.number ?? 1}.${again}`;
    },
  },
  {
    pattern: /^\/schedules\s+(.+)$/is,
    anytime: true,
    async run({ stores: { schedules } }, { message, argument }) {
      const number = /^(?:cancel|delete|remove)\s+#?(\d{1,9})\.?$/i.exec(argument)?.[1];
      const kept = /^keep\s+#?(\d{1,9})\.?$/i.exec(argument)?.[1];
      if (kept !== undefined) {
        const schedule = await schedules.keep(message.conversation, Number(kept));
        return schedule
          ? `Kept as it is: ${scheduleWords(schedule)}.`
          : `There is no schedule ${kept}. Text “/schedules” for the list.`;
      }
      const resumed = /^(?:resume|start)\s+#?(\d{1,9})\.?$/i.exec(argument)?.[1];
      if (resumed !== undefined) {
        const schedule = await schedules.resume(message.conversation, Number(resumed));
        return schedule
          ? `It runs again: ${scheduleWords(schedule)}.`
          : `There is no schedule ${resumed}. Text “/schedules” for the list.`;
      }
      if (number === undefined)
        return 'Text “/schedules” for the list, or “/schedules cancel 2” to cancel number 2.';
      const cancelled = await schedules.cancel(message.conversation, Number(number));
      return cancelled
        ? `Cancelled: ${scheduleWords(cancelled)}, “${cut(cancelled.prompt, 100)}”.`
        : `There is no schedule ${number}. Text “/schedules” for the list.`;
    },
  },
];
