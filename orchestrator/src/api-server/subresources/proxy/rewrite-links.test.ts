import { expect, test } from 'vitest';
import { rewriteLinks } from './rewrite-links.ts';

const behind = (link: string) => (link.startsWith('/') ? `/proxy${link}` : undefined);

// apimachinery util/proxy rewriteHTML.
test.each([
  ['<a href="/x">y</a>', '<a href="/proxy/x">y</a>'],
  ["<A class=b HREF = '/x'>", '<A class=b HREF = "/proxy/x">'],
  ['<img src=/x alt="/y"/>', '<img src="/proxy/x" alt="/y"/>'],
  ['<a href="/x?a=1&amp;b=&quot;">', '<a href="/proxy/x?a=1&amp;b=&#34;">'],
  ['<form action="/x"><button formaction="/y">', '<form action="/proxy/x"><button formaction="/proxy/y">'],
  ['<video poster="/x" src="/y">', '<video poster="/proxy/x" src="/proxy/y">'],
  [
    '<script src="/x">if (a<b) f("<a href=\'/y\'>")</script><a href="/z">',
    '<script src="/proxy/x">if (a<b) f("<a href=\'/y\'>")</script><a href="/proxy/z">',
  ],
  ['<!-- <a href="/x"> --><link href="/y">', '<!-- <a href="/x"> --><link href="/proxy/y">'],
  ['<a title="a > b" href="/x">', '<a title="a > b" href="/proxy/x">'],
  ['1 < 2 <a href="/x">', '1 < 2 <a href="/proxy/x">'],
])('links of %s lead to where they are now', (page, expected) => {
  expect(rewriteLinks(page, behind)).toBe(expected);
});

test.each([
  '<a href="x">',
  '<a data-href="/x">',
  '<b href="/x">',
  '<a href="https://example.com/">',
  '<a href="/x',
  '<a "href=/x>',
  '<textarea><a href="/x"></textarea>',
  '<!-- <a href="/x">',
  '',
  '<',
])('%s stays as it is', (page) => {
  expect(rewriteLinks(page, behind)).toBe(page);
});

test.each([
  ['tags that never end', '<a href=/x '],
  ['one long name', 'a'],
  ['blanks', ' '],
  ['names', 'a '],
  ['quotes', '"'],
  ['comments that never end', '<!--'],
  ['scripts that never end', '<script '],
])('a large page of %s takes no longer than another', (_what, part) => {
  const page = `<a ${part.repeat(100_000)}`;
  expect(rewriteLinks(page, behind)).toBe(page);
  expect(rewriteLinks(`${page}>`, behind).length).toBeGreaterThanOrEqual(page.length);
});
