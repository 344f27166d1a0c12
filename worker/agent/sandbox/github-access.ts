import path from 'node:path';
import type { AgentFiles } from './files.ts';

/**
 * gh's sign-in file, relative to a home (cli.github.com/manual/gh_help_environment: GH_CONFIG_DIR).
 */
const signIn = path.join('.config', 'gh', 'hosts.yml');

/**
 * Signs git and gh in to GitHub only: writes the token to gh's own file in the agent's home, from
 * which git reads it for github.com. The agent's processes can read that file; they work with the
 * token, so it cannot be hidden from them. Returns the environment variables for git.
 */
export async function grantGithub(
  files: AgentFiles,
  home: string,
  token: string,
): Promise<Record<string, string>> {
  // The user name keeps gh 2.40 or later from querying GitHub for it when it migrates the file.
  await files.write(
    path.join(home, signIn),
    Buffer.from(
      `github.com:\n    user: sidepocket\n    oauth_token: ${token}\n    git_protocol: https\n`,
    ),
    0o600,
  );
  return githubSettings({ from: 'file', file: path.join(home, signIn) });
}

/**
 * Git settings that take the token for github.com from gh's file, or from GITHUB_TOKEN of the
 * command itself; passed in the environment, so that the agent's own ~/.gitconfig stays unchanged.
 */
export function githubSettings(
  token: { from: 'file'; file: string } | { from: 'variable' },
): Record<string, string> {
  const read =
    token.from === 'file'
      ? `sed -n '/oauth_token:/{s/.*oauth_token: */password=/p;q}' '${token.file.replaceAll("'", String.raw`'\''`)}'`
      : `printf 'password=%s\\n' "$GITHUB_TOKEN"`;
  const helper = `!f() { [ "$1" = get ] || exit 0; echo username=x-access-token; ${read}; }; f`;
  // The first, empty value clears credential helpers that the machine may have for all addresses.
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
