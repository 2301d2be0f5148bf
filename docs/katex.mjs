// Typesets [{tex, display}] from standard input to [html] on standard output; unknown TeX is an error, with its number.
import {createRequire} from 'node:module';
import {readFileSync} from 'node:fs';

const katex = createRequire(process.argv[2] + '/')('katex');
const html = JSON.parse(readFileSync(0, 'utf8')).map(({tex, display}, number) => {
  try {
    return katex.renderToString(tex, {
      displayMode: display, throwOnError: true, output: 'htmlAndMathml',
      trust: ({command, url}) => command === '\\href' && url.startsWith('symbol:'),
    });
  } catch (error) {
    console.error(`${number}: ${error.message}\nin: ${tex}`);
    process.exit(1);
  }
});
process.stdout.write(JSON.stringify(html));
