/* A driver library for NVIDIA's own pynvml: boards of steady power whose counter steps every 20 ms.

   STUB_BOARDS lists them: "H100,denied,lost" are a board of that name, one of another job, and one that fell off its bus.
   STUB_WATTS is the power of each, 300 by default. Functions that are not here are those of an older driver. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_S 0.02
#define MOST 8

enum { OK = 0, NO_PERMISSION = 4, NOT_FOUND = 6, GPU_IS_LOST = 15 };
enum { NAME = 32 };

static char boards[MOST][NAME];

int nvmlInitWithFlags(unsigned flags) { (void)flags; return OK; }
int nvmlShutdown(void) { return OK; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    const char *listed = getenv("STUB_BOARDS");
    char text[MOST * NAME];
    snprintf(text, sizeof text, "%s", listed ? listed : "H100");
    *count = 0;
    for (char *name = strtok(text, ","); name && *count < MOST; name = strtok(NULL, ","))
        snprintf(boards[(*count)++], NAME, "%s", name);
    return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (!strcmp(boards[index], "denied")) return NO_PERMISSION;
    if (!strcmp(boards[index], "lost")) return GPU_IS_LOST;
    if (!strcmp(boards[index], "none")) return NOT_FOUND;
    *device = boards[index];
    return OK;
}

int nvmlDeviceGetUUID(void *device, char *text, unsigned size) {
    const char *host = getenv("STUB_HOST");
    int index = (int)(((char *)device - boards[0]) / NAME);
    snprintf(text, size, "GPU-%08d-2222-3333-4444-%012d", atoi(host ? host : "1"), index);
    return OK;
}

int nvmlDeviceGetName(void *device, char *text, unsigned size) {
    snprintf(text, size, "NVIDIA %s", (char *)device);
    return OK;
}

int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "580.65.06"); return OK; }

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    const char *watts = getenv("STUB_WATTS");
    struct timespec now;
    (void)device;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long ticks = (long long)((now.tv_sec % 1000000 + 1e-9 * now.tv_nsec) / TICK_S);
    *millijoules = (unsigned long long)(1e3 * (watts ? atof(watts) : 300.0) * TICK_S * (double)ticks);
    return OK;
}

const char *nvmlErrorString(int error) {
    return error == NO_PERMISSION ? "Insufficient Permissions" : error == GPU_IS_LOST ? "GPU is lost" : "Not Found";
}
