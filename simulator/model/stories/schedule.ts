import { callTool, text, type Answer } from '../answer.ts';
import type { Story } from './story.ts';

const remindPattern =
  /\bremind me in (\d+(?:\.\d+)?) ?(s|sec|seconds?|m|min|minutes?|h|hours?) to (\S[^\n]*)/i;
const everyPattern =
  /^(?:please +)?every (minute|hour|day|weekday)(?: at (\d{1,2})(?::(\d\d))?)?(?: in ([A-Z][A-Za-z_]+(?:\/[A-Za-z_]+)+))?[:,]? +(\S[^\n]*)/im;
const listPattern = /^(?:please +)?(?:list|show)(?: me)?(?: my)? schedules\b/im;
const cancelPattern = /^(?:please +)?cancel schedule #?(\d+)/im;

const minutesOf: Record<string, number> = { s: 1 / 60, m: 1, h: 60 };

/**
 * `remind me in 2 minutes to X`, `every weekday at 9 in Europe/Berlin X`, `list schedules`, `cancel
 * schedule 2`: the tools that plan turns.
 */
export const schedule: Story = {
  matches: (asked) =>
    [remindPattern, everyPattern, listPattern, cancelPattern].some((pattern) =>
      pattern.test(asked),
    ),
  next({ results }, asked) {
    const said = results.find(
      ({ name }) => name.startsWith('mcp__whatsapp__') && name.includes('schedule'),
    );
    return said ? text(forPerson(said.text, asked)) : ask(asked);
  },
};

/** A tool's answer without what it tells the model to do. */
function forPerson(said: string, asked: string): string {
  if (said.includes('time zone is not known'))
    return `Which time zone are you in? Write it with the time, such as “${asked.trim().replace(/( at [\d:]+)/, '$1 in Europe/Berlin')}”.`;
  return said.replace(/ ?Tell the person[^]*$/, '').trim();
}

function ask(asked: string): Answer {
  const [, amount, unit = 'm', words] = remindPattern.exec(asked) ?? [];
  if (amount !== undefined)
    return callTool('mcp__whatsapp__schedule_turn', {
      prompt: `say Reminder: ${words}`,
      in_minutes: Number(amount) * (minutesOf[unit.charAt(0).toLowerCase()] ?? 1),
    });
  const number = cancelPattern.exec(asked)?.[1];
  if (number !== undefined) return callTool('mcp__whatsapp__cancel_schedule', { id: number });
  const [, period, hour, minute, timezone, prompt] = everyPattern.exec(asked) ?? [];
  if (period === undefined) return callTool('mcp__whatsapp__list_schedules', {});
  return callTool('mcp__whatsapp__schedule_turn', {
    prompt,
    cron: cronOf(period.toLowerCase(), Number(hour ?? 9), Number(minute ?? 0)),
    ...(timezone ? { timezone } : {}),
  });
}

function cronOf(period: string, hour: number, minute: number): string {
  if (period === 'minute') return '* * * * *';
  if (period === 'hour') return `${minute} * * * *`;
  return `${minute} ${hour} * * ${period === 'weekday' ? '1-5' : '*'}`;
}
