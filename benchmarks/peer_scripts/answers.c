/* answers PORT FILE: answers HTTP requests without a body until SIGTERM, then writes when each of them came (CLOCK_MONOTONIC, ns) to FILE. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 4000000
static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static int64_t came[MOST];
static unsigned char matched[65536]; /* by connection: how much of the empty line at the end of a request has come */
static volatile sig_atomic_t ending;

static void end(int number) { ending = number; }

static void answer(int peer) {
    char data[65536];
    ssize_t got = read(peer, data, sizeof data);
    if (got <= 0) {
        close(peer);
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (ssize_t at = 0; at < got; at++) {
        unsigned char *state = &matched[peer];
        *state = data[at] == "\r\n\r\n"[*state] ? *state + 1 : data[at] == '\r';
        if (*state < 4) continue;
        *state = 0;
        static size_t count;
        if (count < MOST) came[count++] = now.tv_sec * 1000000000LL + now.tv_nsec;
        if (write(peer, ANSWER, sizeof ANSWER - 1) < 0) return;
    }
}

int main(int count, char **words) {
    if (count != 3) return 2;
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, events = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) return 1;
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener}, ready[256];
    epoll_ctl(events, EPOLL_CTL_ADD, listener, &wanted);
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    puts("ready");
    fflush(stdout);
    while (!ending) {
        int several = epoll_wait(events, ready, 256, -1);
        for (int each = 0; each < several; each++) {
            if (ready[each].data.fd != listener) {
                answer(ready[each].data.fd);
                continue;
            }
            wanted.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (wanted.data.fd < 0 || wanted.data.fd >= 65536) continue;
            matched[wanted.data.fd] = 0;
            setsockopt(wanted.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            epoll_ctl(events, EPOLL_CTL_ADD, wanted.data.fd, &wanted);
        }
    }
    FILE *file = fopen(words[2], "wb");
    size_t all = 0;
    while (all < MOST && came[all]) all++;
    return !file || fwrite(came, sizeof *came, all, file) != all || fclose(file);
}
