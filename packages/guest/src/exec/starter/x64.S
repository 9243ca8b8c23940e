.intel_syntax noprefix
_start:
  mov edi, 3
  mov esi, 2
  mov edx, 1
  mov eax, 72
  syscall
  mov edi, [rip+uid]
  mov esi, edi
  mov edx, edi
  mov eax, 117
  syscall
  test eax, eax
  jnz fail
  mov rax, [rsp]
  mov rdi, [rsp+16]
  lea rsi, [rsp+24]
  lea rdx, [rsp+rax*8+16]
  mov eax, 59
  syscall
  cmp eax, -8
  jne fail
  mov rax, [rsp+16]
  mov [rsp+24], rax
  lea rdi, [rip+shell]
  lea rsi, [rsp+16]
  mov eax, 59
  syscall
fail:
  neg eax
  push rax
  mov edi, 3
  mov rsi, rsp
  mov edx, 1
  mov eax, 1
  syscall
  mov edi, 127
  mov eax, 231
  syscall
shell: .asciz "/bin/sh"
uid:
