import type { Environment } from '../../shared/runtime/env.ts';
import { anthropicUrl, checkApiKey, looksLikeToken } from '../model-key.ts';
import { ok, problem, unchecked } from './finding.ts';
import type { Finding } from './finding.ts';
import { readVariable } from './variables.ts';

const about = 'Claude';

/**
 * Tests the API key without spending anything; for a subscription token, only the format can be
 * checked.
 */
export async function checkModel(environment: Environment): Promise<Finding[]> {
  const [key, token] = [
    readVariable('ANTHROPIC_API_KEY', environment),
    readVariable('CLAUDE_CODE_OAUTH_TOKEN', environment),
  ];
  if (key !== undefined)
    return [await judgeKey(key, readVariable('ANTHROPIC_BASE_URL', environment) ?? anthropicUrl)];
  if (token === undefined)
    return [unchecked(about, 'neither ANTHROPIC_API_KEY nor CLAUDE_CODE_OAUTH_TOKEN is set')];
  if (looksLikeToken(token))
    return [
      unchecked(
        about,
        'the token has the right form; whether it is accepted, only a message shows',
      ),
    ];
  return [
    problem(
      about,
      'CLAUDE_CODE_OAUTH_TOKEN does not look like a token',
      'Make one with “claude setup-token”; it begins with sk-ant-oat.',
    ),
  ];
}

async function judgeKey(key: string, baseUrl: string): Promise<Finding> {
  const verdict = await checkApiKey(key, baseUrl);
  if (verdict.verdict === 'good') return ok(about, 'the API key is accepted');
  if (verdict.verdict === 'refused')
    return problem(
      about,
      `the API key is not accepted (${verdict.status})`,
      'Make a new one at platform.claude.com and put it into ANTHROPIC_API_KEY.',
    );
  return problem(
    about,
    verdict.reason,
    'Check the network and ANTHROPIC_BASE_URL; https://status.claude.com shows troubles of the service.',
  );
}
