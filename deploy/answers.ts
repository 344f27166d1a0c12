import type { Environment } from '../shared/runtime/env.ts';
import { SetupError } from '../shared/runtime/errors.ts';
import type { Asking } from './asking.ts';
import type { Role } from './names.ts';
import { judgeValue, passedOn, readersOf, settings } from './settings.ts';
import type { Setting, VariableName } from './settings.ts';

export type Answers = Partial<Record<VariableName, string>>;

export type AnswerNeeds = {
  environment: Environment;
  /** The names of the secrets that each app already has. */
  have: Record<Role, ReadonlySet<string>>;
  renew: ReadonlySet<string>;
  /** Undefined without a terminal; a missing value is then an error. */
  asking: Asking | undefined;
};

/** This run itself uses them to call Twilio, so they are required even when every app has them. */
const always: ReadonlySet<VariableName> = new Set([
  'TWILIO_ACCOUNT_SID',
  'TWILIO_AUTH_TOKEN',
  'TWILIO_WHATSAPP_NUMBER',
]);

const modelKeys: readonly VariableName[] = ['ANTHROPIC_API_KEY', 'CLAUDE_CODE_OAUTH_TOKEN'];

/**
 * Collects the owner's values from the environment, or else asks for them. Skips a value that every
 * app reading it already has.
 * @throws SetupError that names every missing or malformed variable, and no value.
 */
export async function gatherAnswers(needs: AnswerNeeds): Promise<Answers> {
  const { environment, asking } = needs;
  const { answers, problems } = readEnvironment(environment);
  const missing = findMissing(needs, answers);
  if (problems.length > 0 || (missing.length > 0 && !asking)) {
    const lines = [
      ...problems,
      ...missing.map(
        ({ name }) =>
          `  ${name}: is missing${name === 'ANTHROPIC_API_KEY' ? ' (or CLAUDE_CODE_OAUTH_TOKEN)' : ''}`,
      ),
    ];
    throw new SetupError(
      `These variables are needed, in the environment or in a file .env:\n${lines.join('\n')}`,
    );
  }
  if (!asking) return answers;
  for (const setting of missing) Object.assign(answers, await askFor(setting, asking));
  if (isFirstTime(needs) && !answers.GITHUB_TOKEN) {
    const token = await asking.secret(questionFor('GITHUB_TOKEN'), () => undefined);
    if (token) answers.GITHUB_TOKEN = token;
  }
  return answers;
}

/** The owner's values that are set, and what is wrong with them. */
export function readEnvironment(environment: Environment): {
  answers: Answers;
  problems: string[];
} {
  const answers: Answers = {};
  const problems: string[] = [];
  for (const name of [
    ...settings.map((setting) => setting.name),
    ...(Object.keys(passedOn) as VariableName[]),
  ]) {
    const value = environment[name]?.trim();
    if (!value) continue;
    const problem = judgeValue(name, value);
    if (problem === undefined) answers[name] = value;
    else problems.push(`  ${name}: ${problem}`);
  }
  return { answers, problems };
}

/** The settings that are required before the apps can run. */
export function findMissing(
  { have, renew }: Pick<AnswerNeeds, 'have' | 'renew'>,
  answers: Answers,
): Setting[] {
  const isThere = (name: VariableName): boolean =>
    readersOf(name).every((role) => have[role].has(name));
  const isModelKeyThere = modelKeys.some(
    (name) => answers[name] !== undefined || (isThere(name) && !renew.has(name)),
  );
  return settings.filter(({ name, need }) => {
    if (answers[name] !== undefined) return false;
    if (modelKeys.includes(name))
      return name === 'ANTHROPIC_API_KEY'
        ? !isModelKeyThere && !renew.has('CLAUDE_CODE_OAUTH_TOKEN')
        : renew.has(name);
    if (name === 'ADMIN_PASSWORD') return false;
    if (renew.has(name) || always.has(name)) return true;
    return need === 'required' && !isThere(name);
  });
}

const isFirstTime = ({ have }: AnswerNeeds): boolean =>
  !modelKeys.some((name) => have.vm.has(name));

const questionFor = (name: VariableName): string =>
  settings.find((setting) => setting.name === name)?.question ?? name;

async function askFor({ name, hidden, question }: Setting, asking: Asking): Promise<Answers> {
  const asked =
    name === 'ANTHROPIC_API_KEY'
      ? await asking.choose('What does Claude run on?', [
          { value: 'ANTHROPIC_API_KEY', label: 'an API key (billed by use)' },
          { value: 'CLAUDE_CODE_OAUTH_TOKEN', label: 'a Claude subscription’s token' },
        ] as const)
      : name;
  const wording = asked === name ? question : questionFor(asked);
  const judge = (value: string): string | undefined =>
    value ? judgeValue(asked, value) : 'is needed';
  return {
    [asked]: hidden ? await asking.secret(wording, judge) : await asking.text(wording, { judge }),
  };
}
