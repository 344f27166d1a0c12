/** The form of a secret's name, and the longest one (characters). */
const form = /^[A-Z][A-Z0-9_]*$/;
const longest = 100;

/** Names that are refused, by what reads them. */
const reserved = new RegExp(
  `^(?:${[
    // The dynamic loader and the C library.
    String.raw`LD_\w+|DYLD_\w+|GCONV_PATH|GLIBC_\w+|MALLOC_\w+|NSS_\w+|RES_OPTIONS|HOSTALIASES|LOCALDOMAIN`,
    String.raw`LOCPATH|NLSPATH|LC_\w+|LANG|LANGUAGE|TZ|TZDIR`,
    // Shells, and the home and the terminal that they know.
    String.raw`PATH|HOME|USER|LOGNAME|SHELL|ENV|IFS|PWD|OLDPWD|CDPATH|PS\d|BASH|BASH_\w+|BASHOPTS|SHELLOPTS`,
    String.raw`PROMPT_COMMAND|ZDOTDIR|FPATH|GLOBIGNORE|HIST\w+|INPUTRC|TERM|TERMCAP|TERMINFO\w*|TMP|TEMP|TMPDIR`,
    String.raw`EDITOR|VISUAL|PAGER|MANPAGER|MANPATH|LESS|LESSOPEN|LESSCLOSE|LESSKEY\w*|BROWSER|DISPLAY`,
    String.raw`WAYLAND_\w+|XDG_\w+|DBUS_\w+|SUDO_\w+`,
    // Languages and their package managers.
    String.raw`NODE_\w+|NPM_\w+|YARN_\w+|PNPM_\w+|BUN_\w+|DENO_\w+|COREPACK_\w+|PYTHON\w+|PIP_\w+|PIPX_\w+`,
    String.raw`UV_\w+|POETRY_\w+|VIRTUAL_ENV\w*|CONDA_\w+|PERL5\w+|PERLLIB|PERL_\w+|RUBYOPT|RUBYLIB|RUBY_\w+`,
    String.raw`GEM_\w+|BUNDLE_\w+|JAVA_\w+|JDK_\w+|CLASSPATH|MAVEN_\w+|GRADLE_\w+|PHPRC|PHP_\w+|RUSTC\w*`,
    String.raw`RUSTDOC\w*|RUSTFLAGS|RUSTUP_\w+|RUST_\w+|CARGO_\w+|DOTNET_\w+|CORECLR_\w+|COMPLUS_\w+|NUGET_\w+`,
    String.raw`LUA_\w+|R_\w+|JULIA_\w+|ERL_\w+|ELIXIR_\w+|TCLLIBPATH|GUILE_\w+|OCAML\w+|CAML_\w+|GODEBUG|GOFLAGS`,
    String.raw`GO(?:PROXY|PRIVATE|NOPROXY|NOSUMDB|INSECURE|ENV|BIN|CACHE|MODCACHE|PATH|ROOT|WORK|AUTH|VCS)`,
    String.raw`GO(?:TOOLCHAIN|TOOLDIR|EXPERIMENT|SUMDB)`,
    // Compilers and builds.
    String.raw`MAKEFLAGS|MAKEFILES|GNUMAKEFLAGS|CMAKE_\w+|CC|CXX|CPP|CPATH|PKG_CONFIG\w*|GCC_\w+|[A-Z]{0,3}FLAGS`,
    // git, ssh, gh and containers.
    String.raw`GIT_\w+|SSH_\w+|GH_\w+|DOCKER_(?:HOST|CONFIG|CONTEXT|TLS\w*)|KUBECONFIG`,
    // The model, Claude Code, its tools, and ourselves.
    String.raw`ANTHROPIC_\w+|CLAUDE\w*|AI_AGENT|MCP_\w+|DISABLE_\w+|ENABLE_\w+|MAX_THINKING_TOKENS|API_TIMEOUT_MS`,
    String.raw`PLAYWRIGHT_\w+|OTEL_\w+|SIDEPOCKET\w*|IS_SANDBOX`,
    // Programs that take a command, code or a server from a variable of their own.
    String.raw`RSYNC_RSH|SVN_SSH|CVS_RSH|HG|HGRCPATH|HGEDITOR|HGMERGE|AWKPATH|AWKLIBPATH|EXINIT|G?VIMINIT`,
    String.raw`MYVIMRC|VIM|VIMRUNTIME|EMACSLOADPATH|FZF_\w+|WGETRC|SYSTEM_WGETRC|NETRC|SCREENRC|PERLDB|RAKEOPT`,
    String.raw`PGSERVICEFILE|PGSYSCONFDIR|PSQLRC|GNUPGHOME|ANSIBLE_(?:CONFIG|LIBRARY|\w+_PLUGINS|\w+_PATH)`,
    String.raw`HELM_(?:PLUGINS|\w*HOME)|TF_(?:CLI|PLUGIN)_\w+|COMPOSE_(?:FILE|PROFILES)|BUILDKIT_\w+|MIX_\w+`,
    String.raw`GTK\w*_MODULES|GIO_\w+|QT_QPA_\w+|OPENAI_(?:BASE_URL|API_BASE)`,
    // Encryption, and where a cloud's tools look.
    String.raw`SSL_\w+|SSLKEYLOGFILE|OPENSSL_\w+|CURL_\w+|KRB5_\w+|GNUTLS_\w+`,
    String.raw`AWS_CONFIG_FILE|AWS_SHARED_CREDENTIALS_FILE`,
    // What redirects or loads by its ending, whatever it belongs to.
    String.raw`\w+_(?:PROXY|PATH|PRELOAD|OPTIONS|OPTS|FLAGS|ASKPASS|EDITOR|PAGER|SHELL|WRAPPER|CA_BUNDLE|CAINFO|CERTS|ENDPOINT_URL(?:_\w+)?)`,
  ].join('|')})$`,
);

/** Keys of package registries and of GitHub, within families that are refused otherwise. */
const known =
  /^(?:SSH_PRIVATE_KEY|NODE_AUTH_TOKEN|NPM_TOKEN|YARN_NPM_AUTH_TOKEN|POETRY_PYPI_TOKEN_[A-Z0-9_]+|CARGO_REGISTRY_TOKEN|CARGO_REGISTRIES_[A-Z0-9_]+_TOKEN|GEM_HOST_API_KEY|NUGET_API_KEY|GH_TOKEN|GH_ENTERPRISE_TOKEN)$/;

/** Why a name cannot be a secret's. */
export type NameFault = 'form' | 'reserved';

/**
 * Reads the name of a secret as a person writes it, in any case. Refuses the names of variables
 * that make programs load code, or lead the model, a proxy or git elsewhere: a secret is something
 * that a command knows, never how commands work.
 */
export function readSecretName(
  text: string,
): { name: string; fault?: undefined } | { name?: undefined; fault: NameFault } {
  const name = text.toUpperCase();
  // Upper case may be longer, and other letters than those of the form become some: “ß”, “ı”.
  if (!/^\w+$/.test(text) || !form.test(name) || name.length > longest) return { fault: 'form' };
  return reserved.test(name) && !known.test(name) ? { fault: 'reserved' } : { name };
}
