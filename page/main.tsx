/** The page begins here: its fonts first, so that nothing moves when they come. */
import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/views.css';
import './styles/picture.css';
import { App } from './app.tsx';

/** How long fonts are waited for; ms. */
const FONT_PATIENCE_MS = 800;

const fonts = ['400 13px "Inter Variable"', '400 13px "JetBrains Mono Variable"'].map((font) =>
  document.fonts.load(font),
);
const patience = new Promise((resolve) => setTimeout(resolve, FONT_PATIENCE_MS));
await Promise.race([Promise.allSettled(fonts), patience]);
render(<App />, document.getElementById('page')!);
