/**
 * The largest file that WhatsApp takes through Twilio (bytes;
 * twilio.com/docs/whatsapp/guidance-whatsapp-media-messages).
 */
export const largestCarried = 16 * 1024 * 1024;
