// Ids and roles: what is sound, and the sentence for what is not.

import { expect, test } from 'vitest'
import { ancestors, idError, isStrictSubroleOf, roleError } from '../../protocol/ids.ts'

test.each(['a', 'task-1', '...', 'ünïcode', 'a b', 'a'.repeat(255), '*'])('the id %j is sound', (id) => {
  expect(idError(id)).toBeUndefined()
})

test.each([
  ['', 'ID must not be empty'],
  ['a'.repeat(256), 'ID must not be greater than 255 characters'],
  ['ü'.repeat(128), 'ID must not be greater than 255 characters'],
  ['.', "'.' is disallowed"],
  ['..', "'..' is disallowed"],
  ['a/b', "'a/b' contains invalid characters"],
  ['a\\b', "'a\\b' contains invalid characters"],
  ['a\nb', "'a\\nb' contains invalid characters"],
  ['a\u007f', "'a\u007f' contains invalid characters"],
])('the id %j is refused', (id, sentence) => {
  expect(idError(id)).toBe(sentence)
})

test.each(['*', 'a', 'a/b', 'a/b-c/d', 'a.b', '*a', 'rôle'])('the role %j is sound', (role) => {
  expect(roleError(role)).toBeUndefined()
})

test.each([
  ['', 'Role names cannot be the empty string'],
  ['/a', "Role '/a' cannot start with a slash"],
  ['a/', "Role 'a/' cannot end with a slash"],
  ['a//b', "Role 'a//b' cannot contain two adjacent slashes"],
  ['.', "Role component '.' is invalid because it is '.'"],
  ['a/../b', "Role component '..' is invalid because it is '..'"],
  ['a/*', "Role component '*' is invalid because it is '*'"],
  ['-x', "Role component '-x' is invalid because it starts with a dash"],
  ['a/-x', "Role component '-x' is invalid because it starts with a dash"],
  ['a b', "Role component 'a b' is invalid because it contains backspace or whitespace"],
  ['a\tb', "Role component 'a\\tb' is invalid because it contains backspace or whitespace"],
])('the role %j is refused', (role, sentence) => {
  expect(roleError(role)).toBe(sentence)
})

test('roles nest by slashes', () => {
  expect(ancestors('a/b/c')).toEqual(['a/b', 'a'])
  expect(ancestors('a')).toEqual([])
  expect(isStrictSubroleOf('a/b', 'a')).toBe(true)
  expect(isStrictSubroleOf('a/b/c', 'a')).toBe(true)
  expect(isStrictSubroleOf('a', 'a')).toBe(false)
  expect(isStrictSubroleOf('ab', 'a')).toBe(false)
})
