import { expect, test } from 'vitest';
import { targetOf } from '../http/incoming-request.ts';
import { forwardedUri, sentTarget } from './sent-target.ts';

const sent = (url: string) => sentTarget({ ...targetOf(url), wire: { message: { url } } as never });

// As Go's URL.EscapedPath and Values.Encode write them.
test.each([
  ['/apis/g/v/%6Coads/a%2Fb', '/apis/g/v/loads/a/b'],
  ['/apis/g/v/a%20b%3Fc%25%2f', '/apis/g/v/a%20b%3Fc%25/'],
  ['/apis/g/v/%ff%C3%A9', '/apis/g/v/%FF%C3%A9'],
  ["/apis/g/v/!'()*[]~$&+,:;=@_", '/apis/g/v/%21%27%28%29%2A%5B%5D~$&+,:;=@_'],
  ['/apis/g/v/x?', '/apis/g/v/x'],
  ['/apis/g/v/x?b=2&a=1&b=1&c', '/apis/g/v/x?a=1&b=2&b=1&c='],
  ['/apis/g/v/x?a=%ff+%20~*%2f&b==', '/apis/g/v/x?a=%FF++~%2A%2F&b=%3D'],
  ['/apis/g/v/x?a=1;b=2&c=%zz&d=3', '/apis/g/v/x?d=3'],
])('a request for %s is passed on as one for %s', (url, passedOn) => {
  expect(sent(url)).toBe(passedOn);
});

test('without a message its query is what was read', () => {
  expect(sentTarget({ path: '/x', query: new URLSearchParams('b=ä&a=1') })).toBe('/x?a=1&b=%C3%A4');
});

test.each([
  ['/apis/g/v//x/../y?a=/..', '/apis/g/v/y'],
  ['/apis/g/v/', '/apis/g/v/'],
])('of %s is told that it was %s', (target, uri) => {
  expect(forwardedUri(target)).toBe(uri);
});
