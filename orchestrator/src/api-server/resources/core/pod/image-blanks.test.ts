import { expect, test } from 'vitest';
import { imageBlanks } from './image-blanks.ts';

test.each(['', 'a', 'a b', '\ufeffa'])('an image named %j has no blanks around it', (image) => {
  expect(imageBlanks(image, 'spec.containers[0].image')).toEqual([]);
});

test.each([
  [' a', '" a"'],
  ['a\n', '"a\\n"'],
  // A blank of Go's, and not of JavaScript's.
  ['a\u0085', '"a\\u0085"'],
])('an image named %j is refused', (image, shown) => {
  const message = `Invalid value: ${shown}: must not have leading or trailing whitespace`;
  expect(imageBlanks(image, 'f')).toEqual([{ reason: 'FieldValueInvalid', field: 'f', message }]);
});
