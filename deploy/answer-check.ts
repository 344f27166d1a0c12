import { SetupError } from '../shared/runtime/errors.ts';
import { PhoneNumber } from '../shared/runtime/phone-number.ts';
import type { Answers } from './answers.ts';
import { anthropicUrl, checkApiKey } from './model-key.ts';
import { TwilioRefused } from './twilio-account.ts';
import type { TwilioAccount } from './twilio-account.ts';
import { sandboxNumber } from './webhook-address.ts';

/**
 * Tries the owner's credentials before anything is created. A check that is impossible now (no
 * network) is reported and does not stop the run.
 * @throws SetupError with every definite problem.
 */
export async function checkAnswers(
  answers: Answers,
  twilio: TwilioAccount,
  say: (line: string) => void,
): Promise<void> {
  const findings = [await judgeTwilio(answers, twilio), await judgeModelKey(answers)];
  const problems = findings.flatMap((finding) => (finding?.isCertain ? [finding.text] : []));
  if (problems.length > 0) throw new SetupError(problems.join('\n'));
  for (const finding of findings) if (finding) say(`– ${finding.text}`);
}

type Finding = { isCertain: boolean; text: string };

async function judgeTwilio(answers: Answers, twilio: TwilioAccount): Promise<Finding | undefined> {
  try {
    const { state } = await twilio.look();
    if (state !== 'active')
      return {
        isCertain: true,
        text: `TWILIO_ACCOUNT_SID: the account is ${state}. See console.twilio.com.`,
      };
    const number = PhoneNumber.parse(answers.TWILIO_WHATSAPP_NUMBER);
    if (number === sandboxNumber || (await twilio.findSender(number))) return undefined;
    return {
      isCertain: true,
      text: 'TWILIO_WHATSAPP_NUMBER: this Twilio account has no WhatsApp sender with that number (the sandbox is +14155238886). See https://console.twilio.com/us1/develop/sms/senders/whatsapp-senders',
    };
  } catch (error) {
    if (!(error instanceof TwilioRefused)) throw error;
    if (error.status === 401)
      return {
        isCertain: true,
        text: 'TWILIO_AUTH_TOKEN: Twilio does not accept it for this account. Copy both anew from console.twilio.com.',
      };
    return { isCertain: false, text: `Twilio’s credentials were not checked: ${error.message}` };
  }
}

async function judgeModelKey(answers: Answers): Promise<Finding | undefined> {
  if (!answers.ANTHROPIC_API_KEY) return undefined;
  const verdict = await checkApiKey(
    answers.ANTHROPIC_API_KEY,
    answers.ANTHROPIC_BASE_URL?.replace(/\/+$/, '') ?? anthropicUrl,
  );
  if (verdict.verdict === 'good') return undefined;
  if (verdict.verdict === 'refused')
    return {
      isCertain: true,
      text: `ANTHROPIC_API_KEY: it is not accepted (${verdict.status}). Make a new one at platform.claude.com.`,
    };
  return { isCertain: false, text: `The key for Claude was not checked: ${verdict.reason}.` };
}
