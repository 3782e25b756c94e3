/** The page's own icons, drawn on a grid of 16 with a line of 1.5. */
const PATHS = {
  fleet: 'M2.5 9.5v4M6.2 5.5v8M9.8 7.5v6M13.5 2.5v11',
  agents: 'M2.5 4h11M2.5 8h11M2.5 12h11',
  work: 'M2.5 4.2 3.8 5.5 6 3.2M8.5 4.5h5M2.5 11.2l1.3 1.3L6 10.2M8.5 11.5h5',
  questions: 'M2.5 3h11v8H8l-3.2 2.5V11H2.5ZM6.6 5.9a1.5 1.5 0 1 1 2 1.5c-.4.2-.6.4-.6.8',
  limits: 'M2.2 11.8a6 6 0 1 1 11.6 0M8 10.5l2.6-3.6',
  timeline: 'M2 4.5h6M5 8h8M3.5 11.5h5',
  coordination:
    'M8 3.2v3.3M8 6.5 3.8 11M8 6.5l4.2 4.5M8 3.2a.9.9 0 1 0 0-1.8.9.9 0 0 0 0 1.8ZM3.3 13.6a1.3 1.3 0 1 0 0-2.6 1.3 1.3 0 0 0 0 2.6ZM12.7 13.6a1.3 1.3 0 1 0 0-2.6 1.3 1.3 0 0 0 0 2.6Z',
  pools: 'M2.5 2.5h4.4v4.4H2.5ZM9.1 2.5h4.4v4.4H9.1ZM2.5 9.1h4.4v4.4H2.5ZM9.1 9.1h4.4v4.4H9.1Z',
  locked: 'M4 7.2h8v6.3H4ZM5.6 7.2V5a2.4 2.4 0 0 1 4.8 0v2.2',
  unlocked: 'M4 7.2h8v6.3H4ZM5.6 7.2V4.6a2.4 2.4 0 0 1 4.6-1',
  light:
    'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M12.8 3.2l-1.1 1.1M4.3 11.7l-1.1 1.1',
  dark: 'M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8Z',
  auto: 'M8 2.2a5.8 5.8 0 1 0 0 11.6ZM8 2.2a5.8 5.8 0 0 1 0 11.6',
  first: 'M4 3.5v9M12 3.8 6.5 8l5.5 4.2Z',
  back: 'M10.5 3.8 5 8l5.5 4.2Z',
  forward: 'M5.5 3.8 11 8l-5.5 4.2Z',
  play: 'M5 3.2 12.5 8 5 12.8Z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  plus: 'M8 3.5v9M3.5 8h9',
  minus: 'M3.5 8h9',
  fit: 'M2.8 6V2.8H6M10 2.8h3.2V6M13.2 10v3.2H10M6 13.2H2.8V10',
  target: 'M8 4.2a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6ZM8 1.6v2.6M8 11.8v2.6M1.6 8h2.6M11.8 8h2.6',
  left: 'M10 3.5 5.5 8l4.5 4.5',
} as const;

export function Icon({ name }: { readonly name: keyof typeof PATHS }) {
  return (
    <svg
      viewBox="0 0 16 16"
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
