import type { PhoneInput } from '../../chat.ts';
import { openForm } from './form-dialog.ts';

/** Asks for a place and hands it to `send`. */
export function openLocationForm(
  send: (location: NonNullable<PhoneInput['location']>) => void,
): void {
  const fields = [
    { name: 'label', label: 'Name', value: 'Ferry Building', type: 'text' },
    { name: 'latitude', label: 'Latitude', value: '37.79554', type: 'text' },
    { name: 'longitude', label: 'Longitude', value: '-122.39345', type: 'text' },
  ];
  openForm('Share a location', fields, 'Send location', (values) => {
    const latitude = degrees(values.get('latitude'), 90);
    const longitude = degrees(values.get('longitude'), 180);
    if (latitude === undefined) return 'The latitude is a number from -90 to 90.';
    if (longitude === undefined) return 'The longitude is a number from -180 to 180.';
    const label = values.get('label');
    send({ latitude, longitude, ...(label ? { label } : {}) });
    return undefined;
  });
}

function degrees(typed: string | undefined, limit: number): number | undefined {
  const value = typed ? Number(typed) : Number.NaN;
  return Math.abs(value) <= limit ? value : undefined;
}
