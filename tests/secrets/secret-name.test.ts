import { asKept } from '../../shared/store/message.ts';
import { assert, constantFrom, oneof, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { readSecretName } from '../../worker/secrets/secret-name.ts';
import { anyCharacter } from '../support/any-character.ts';

test('names of keys are taken, in any case', () => {
  const taken = [
    'GITHUB_TOKEN',
    'GH_TOKEN',
    'NPM_TOKEN',
    'NODE_AUTH_TOKEN',
    'OPENAI_API_KEY',
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'GOOGLE_API_KEY',
    'GOOD_KEY',
    'DATABASE_URL',
    'STRIPE_KEY',
    'TEMPORAL_API_KEY',
    'MAKE_API_KEY',
    'CCBILL_KEY',
    'PSYCHIC_KEY',
    'ENVOY_KEY',
    'DOCKER_PASSWORD',
    'ANSIBLE_VAULT_PASSWORD',
    'DEPLOY_SSH',
    'HGX_KEY',
    'SSH_PRIVATE_KEY',
    'CARGO_REGISTRY_TOKEN',
    'A',
  ];
  for (const name of taken) {
    expect(readSecretName(name)).toEqual({ name });
    expect(readSecretName(name.toLowerCase())).toEqual({ name });
  }
});

test('what loads code, or leads the model, a proxy, git or a program elsewhere, is refused', () => {
  const reserved = [
    ...'LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES GCONV_PATH GLIBC_TUNABLES'.split(
      ' ',
    ),
    ...'PATH HOME SHELL ENV BASH_ENV BASHOPTS SHELLOPTS IFS PS4 PROMPT_COMMAND ZDOTDIR TMPDIR'.split(
      ' ',
    ),
    ...'NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NPM_CONFIG_REGISTRY BUN_OPTIONS YARN_RC_FILENAME'.split(
      ' ',
    ),
    ...'PYTHONPATH PYTHONSTARTUP PYTHONHOME PIP_INDEX_URL UV_INDEX_URL PERL5OPT PERL5LIB RUBYOPT'.split(
      ' ',
    ),
    ...'JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS CLASSPATH GOFLAGS GOPROXY RUSTC_WRAPPER RUSTFLAGS'.split(
      ' ',
    ),
    ...'CARGO_BUILD_RUSTC_WRAPPER DOTNET_STARTUP_HOOKS PHP_INI_SCAN_DIR LUA_INIT R_PROFILE'.split(
      ' ',
    ),
    ...'MAKEFLAGS CFLAGS LDFLAGS CC GIT_SSH_COMMAND GIT_CONFIG_COUNT GIT_ASKPASS GIT_DIR'.split(
      ' ',
    ),
    ...'SSH_ASKPASS SSH_AUTH_SOCK GH_HOST GH_CONFIG_DIR DOCKER_HOST KUBECONFIG'.split(' '),
    ...'HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY FTP_PROXY SSL_CERT_FILE SSLKEYLOGFILE'.split(' '),
    ...'CURL_CA_BUNDLE REQUESTS_CA_BUNDLE OPENSSL_CONF AWS_ENDPOINT_URL AWS_CONFIG_FILE'.split(' '),
    ...'ANTHROPIC_API_KEY ANTHROPIC_BASE_URL ANTHROPIC_MODEL CLAUDE_CONFIG_DIR CLAUDECODE'.split(
      ' ',
    ),
    ...'CLAUDE_CODE_OAUTH_TOKEN CLAUDE_ENV_FILE MCP_TIMEOUT DISABLE_AUTOUPDATER'.split(' '),
    ...'RSYNC_RSH SVN_SSH CVS_RSH HGRCPATH HGEDITOR VIMINIT EXINIT AWKLIBPATH EMACSLOADPATH'.split(
      ' ',
    ),
    ...'FZF_DEFAULT_COMMAND WGETRC NETRC PGSERVICEFILE ANSIBLE_LIBRARY HELM_PLUGINS GTK_MODULES'.split(
      ' ',
    ),
    ...'GTK3_MODULES GIO_EXTRA_MODULES TF_CLI_CONFIG_FILE COMPOSE_FILE AWS_ENDPOINT_URL_S3 GNUPGHOME'.split(
      ' ',
    ),
    ...'OPENAI_BASE_URL PERLDB'.split(' '),
    ...'OTEL_EXPORTER_OTLP_ENDPOINT SIDEPOCKET_AGENT EDITOR GIT_EDITOR PAGER LESSOPEN BROWSER'.split(
      ' ',
    ),
  ];
  for (const name of reserved) {
    expect([name, readSecretName(name)]).toEqual([name, { fault: 'reserved' }]);
    expect(readSecretName(name.toLowerCase())).toEqual({ fault: 'reserved' });
  }
});

test('anything that is no name is refused, and what is taken is a name', () => {
  for (const wrong of [
    '',
    '_A',
    '1A',
    'A-B',
    'A B',
    'A=B',
    'ß',
    'ı',
    'A\n',
    'Ａ',
    'A$',
    `A${'B'.repeat(100)}`,
  ])
    expect([wrong, readSecretName(wrong)]).toEqual([wrong, { fault: 'form' }]);
  assert(
    property(
      oneof(
        string({ unit: anyCharacter }),
        string({ unit: constantFrom(...'ABYZ_019az$ =-'), maxLength: 30 }),
      ),
      (text) => {
        const { name } = readSecretName(text);
        expect(name === undefined || /^[A-Z][A-Z0-9_]{0,99}$/.test(name)).toBe(true);
      },
    ),
    { numRuns: 100 },
  );
});

test('what follows “/secret”, also misspelt, is not kept for the owner’s view', () => {
  const kept = (text: string): string =>
    asKept({ id: 'SM1', conversation: '+15551230001', at: '', text, media: [] }).text;
  for (const text of [
    '/secret KEY value',
    '\u200e/SECRET\nvalue',
    '/secert K=v',
    '/sceret v',
    '/secrets v',
    '/sekret v',
  ])
    expect(kept(text)).toBe('/secret …');
  for (const text of [
    '/status',
    '/stop',
    'secret',
    'script it',
    '/schedules',
    '/etc/secret is there',
  ])
    expect(kept(text)).toBe(text);
});
