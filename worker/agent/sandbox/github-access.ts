import path from 'node:path';
import type { AgentFiles } from './files.ts';

/**
 * Where gh keeps its sign-in, below a home (cli.github.com/manual/gh_help_environment:
 * GH_CONFIG_DIR).
 */
const signIn = path.join('.config', 'gh', 'hosts.yml');

/**
 * Signs git and gh in to GitHub, and nothing else: the token goes into gh's own file in the agent's
 * home, from which git takes it for github.com. What the agent runs can read that file; it works
 * with the token, so it cannot be kept from it. Returns the variables for git.
 */
export async function grantGithub(
  files: AgentFiles,
  home: string,
  token: string,
): Promise<Record<string, string>> {
  // The name keeps a gh of 2.40 or later from asking GitHub for it when it brings the file into its
  // newer form.
  await files.write(
    path.join(home, signIn),
    Buffer.from(
      `github.com:\n    user: sidepocket\n    oauth_token: ${token}\n    git_protocol: https\n`,
    ),
    0o600,
  );
  return gitSettings(path.join(home, signIn));
}

/**
 * Settings by which git asks that file for github.com; they come by the environment, so that the
 * agent's own ~/.gitconfig is left as it is.
 */
function gitSettings(file: string): Record<string, string> {
  const quoted = `'${file.replaceAll("'", String.raw`'\''`)}'`;
  const helper = `!f() { [ "$1" = get ] || exit 0; echo username=x-access-token; sed -n '/oauth_token:/{s/.*oauth_token: */password=/p;q}' ${quoted}; }; f`;
  // The first, empty value takes helpers away that the machine may have for every address.
  const settings = [
    ['credential.https://github.com.helper', ''],
    ['credential.https://github.com.helper', helper],
  ];
  return {
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([name = '', value = ''], index) => [
        [`GIT_CONFIG_KEY_${index}`, name],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
}
