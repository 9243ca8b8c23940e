.intel_syntax noprefix
.set BLOCK, 0x10000000
_start:
  mov edi, 3
  mov esi, 2
  mov edx, 1
  mov eax, 72
  syscall
  mov rax, [rsp]
  lea rbx, [rsp+16]
  lea rbp, [rsp+rax*8+16]
  xor r12d, r12d
  cmp rax, 1
  ja become

  mov r14d, BLOCK
  mov r15d, 8
more:
  mov edi, 3
  lea rsi, [r14+r12]
  mov rdx, r15
  sub rdx, r12
  xor eax, eax
  syscall
  test rax, rax
  jle quit
  add r12, rax
  cmp r12, r15
  jb more
  mov r15, [r14]
  cmp r12, r15
  jb more
  mov eax, 1
  call tell
  lea rbx, [r14+32]
  mov r12, [r14+8]
  mov r13, [r14+16]
  mov rbp, [r14+24]

become:
  mov edi, [rip+uid]
  mov esi, edi
  mov edx, edi
  mov eax, 117
  syscall
  test eax, eax
  jnz fail
  test r12b, 1
  jz enter
  xor edi, edi
  mov eax, 3
  syscall
  mov edi, -100
  lea rsi, [rip+null]
  xor edx, edx
  mov eax, 257
  syscall
  test eax, eax
  jnz fail
enter:
  test r12b, 2
  jz wait
  mov rdi, r13
  mov eax, 80
  syscall
  test eax, eax
  jnz fail
wait:
  test r12b, 4
  jz execute
  mov eax, 1
  call tell
  xor eax, eax
  call tell
  cmp eax, 1
  jne quit

execute:
  mov rdi, [rbx]
  lea rsi, [rbx+8]
  mov rdx, rbp
  mov eax, 59
  syscall
  cmp eax, -8
  jne fail
  mov rax, [rbx]
  mov [rbx+8], rax
  lea rdi, [rip+shell]
  mov rsi, rbx
  mov rdx, rbp
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
quit:
  mov edi, 127
  mov eax, 231
  syscall

tell:
  mov edi, 3
  lea rsi, [r14+7]
  mov edx, 1
  syscall
  ret
shell: .asciz "/bin/sh"
null: .asciz "/dev/null"
.zero 2
uid:
