/** The logo: a pocket with a word in it, on the brand's green. */
const logo = `<rect width="32" height="32" rx="8" fill="#008069"/><path d="M7 10h18v8a9 9 0 0 1-18 0z" fill="#fff"/><path d="M7 14.5h18" stroke="#008069" stroke-width="1.6"/><circle cx="12.5" cy="19" r="1.4" fill="#008069"/><circle cx="16" cy="19" r="1.4" fill="#008069"/><circle cx="19.5" cy="19" r="1.4" fill="#008069"/>`;

/** The logo within a page. */
export const logoMark = `<svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">${logo}</svg>`;

/** The icon of browser tabs and home screens. */
export const iconFile = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${logo}</svg>`;

/** What a phone needs to put the dashboard on its home screen. */
export const manifestFile = JSON.stringify({
  name: 'Sidepocket',
  short_name: 'Sidepocket',
  start_url: '/admin',
  scope: '/admin',
  display: 'standalone',
  background_color: '#f0f2f5',
  theme_color: '#008069',
  icons: [
    { src: '/icon.svg', type: 'image/svg+xml', sizes: 'any' },
    { src: '/icon-192.png', type: 'image/png', sizes: '192x192' },
    { src: '/icon-512.png', type: 'image/png', sizes: '512x512' },
  ],
});
