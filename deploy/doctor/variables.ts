import { parseRelayConfig } from '../../relay/config.ts';
import { judgePassword, variables } from '../../shared/runtime/env.ts';
import type { Environment } from '../../shared/runtime/env.ts';
import { SetupError } from '../../shared/runtime/errors.ts';
import { parseWorkerConfig } from '../../worker/config.ts';
import { settings } from '../settings.ts';
import type { VariableName } from '../settings.ts';
import { ok, problem } from './finding.ts';
import type { Finding } from './finding.ts';

/** Which of the two processes runs on this machine. */
export type Part = 'relay' | 'worker';

const parsers: Record<Part, (environment: Environment) => unknown> = {
  relay: parseRelayConfig,
  worker: parseWorkerConfig,
};

/** The value of one variable as the processes read it; undefined when missing or malformed. */
export function readVariable<Name extends VariableName>(
  name: Name,
  environment: Environment,
): ReturnType<(typeof variables)[Name]['parse']> | undefined {
  const value = environment[name];
  if (value === undefined || value.trim() === '') return undefined;
  const parsed = variables[name].safeParse(value);
  return parsed.success
    ? (parsed.data as ReturnType<(typeof variables)[Name]['parse']>)
    : undefined;
}

const meanings: Record<string, string> = {
  PUBLIC_URL: 'how the world reaches the relay, such as https://pocket.example.com',
  REDIS_URL: 'where Redis is, such as redis://127.0.0.1:6379',
  ...Object.fromEntries(
    settings.map(({ name, question }) => [
      name,
      question.replace(/^(?:An?|The) /, (first) => first.toLowerCase()),
    ]),
  ),
};

function adviceFor(name: string): string {
  const meaning = meanings[name];
  return meaning
    ? `Set it in the environment or in .env: ${meaning}.`
    : 'Correct it in the environment or in .env; docs/reference.md lists every variable.';
}

/**
 * Parses each process's configuration: one line for every variable that would stop a process from
 * starting.
 */
export function checkVariables(environment: Environment, parts: readonly Part[]): Finding[] {
  const complaints = new Map<string, { text: string; by: Part[] }>();
  for (const part of parts) {
    try {
      parsers[part](environment);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      for (const [, name = '', text = ''] of error.message.matchAll(/^ {2}([A-Z_]+): (.+)$/gm))
        complaints.set(name, { text, by: [...(complaints.get(name)?.by ?? []), part] });
    }
  }
  const found = [...complaints].map(([name, { text, by }]) =>
    problem(
      name,
      by.length < parts.length ? `${text}; the ${by.join(' and ')} needs it` : text,
      adviceFor(name),
    ),
  );
  const password = parts.includes('relay')
    ? readVariable('ADMIN_PASSWORD', environment)
    : undefined;
  const weakness = password === undefined ? undefined : judgePassword(password);
  if (weakness)
    found.push(
      problem(
        'ADMIN_PASSWORD',
        weakness,
        'Set a longer one, such as the output of openssl rand -base64 18.',
      ),
    );
  const set = Object.keys(variables).filter(
    (name) => environment[name]?.trim() && !complaints.has(name),
  );
  return [
    ...found,
    ...(set.length > 0
      ? [ok('Variables', `${set.length} ${set.length === 1 ? 'is' : 'are'} set and well-formed`)]
      : []),
  ];
}
