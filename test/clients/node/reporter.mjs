import { inspect } from 'node:util';

/** A line of JSON for each test that ended. */
export default async function* lines(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    // The file itself is reported as a test too.
    if (data.nesting > 0 || data.name.endsWith('.mjs')) continue;
    const error = data.details?.error;
    const output = error ? inspect(error.cause ?? error) : '';
    yield `${JSON.stringify({ name: data.name, passed: type === 'test:pass', output })}\n`;
  }
}
